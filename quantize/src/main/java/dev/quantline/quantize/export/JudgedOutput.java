package dev.quantline.quantize.export;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.quantline.onnx.BadInput;
import dev.quantline.quantize.evaluate.Agreement;
import dev.quantline.quantize.evaluate.Closeness;
import dev.quantline.quantize.evaluate.ComparedOutputs;
import dev.quantline.quantize.evaluate.Evaluation;
import dev.quantline.quantize.evaluate.Fidelity;
import java.util.List;

/**
 * How close one output of the exported model is to the original's on the evaluation data.
 *
 * @param kind      {@code float}, judged by cosine similarity and SQNR, or {@code integer} (including booleans), by the share of equal
 *                  elements
 * @param before    the output computed from this tensor, if the tensor is not an output itself
 * @param cosine    mean over samples; null for integers
 * @param sqnrDb    signal power over squared error in decibels, 200 if equal; null for integers
 * @param agreement share of equal elements; null for floats
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record JudgedOutput(String name, String kind, String before, Double cosine, Double sqnrDb, Double agreement) {
    /** In the order of the evaluation. @throws BadInput naming a float output with values that are not finite */
    static List<JudgedOutput> of(Evaluation evaluation, ComparedOutputs compared) {
        return evaluation.outputs().entrySet().stream()
                .map(output -> of(output.getKey(), output.getValue(), compared))
                .toList();
    }

    private static JudgedOutput of(String name, Closeness closeness, ComparedOutputs compared) {
        String output = compared.outputOf(name);
        return switch (closeness) {
            case Agreement agreement -> new JudgedOutput(name, "integer", null, null, null, agreement.share());
            case Fidelity fidelity -> {
                if (!Double.isFinite(fidelity.cosine())) {
                    throw new BadInput("on this data '" + name
                            + "' has values that are not finite in the model or in its quantized form"
                            + ": check the data, or exclude the layers that overflow");
                }
                yield new JudgedOutput(
                        name,
                        "float",
                        output == null || output.equals(name) ? null : output,
                        fidelity.cosine(),
                        fidelity.sqnrDb(),
                        null);
            }
        };
    }
}
