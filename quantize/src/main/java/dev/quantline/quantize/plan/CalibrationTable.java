package dev.quantline.quantize.plan;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.rewrite.Rewrite;
import dev.quantline.quantize.quantizer.Quantizer;
import dev.quantline.quantize.quantizer.Uniform;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What calibration found: every place of a plan at every candidate width, with parameters and expected error. Whoever gives
 * layers other widths takes the quantizers from here; its JSON is described in docs/calibration.md.
 *
 * @param activations in graph order
 * @param weights     in graph order
 * @param rewrites    what was done to the float model before, and what was not and why
 */
public record CalibrationTable(List<Activation> activations, List<Weight> weights, List<Rewrite> rewrites) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /**
     * An activation.
     *
     * @param kind       what it is: softmax, layernorm, gelu, ..
     * @param readers    nodes that read it quantized; empty: everyone does
     * @param gridOf     the tensor whose quantizer it shares; its own name if free
     * @param observed   its distribution and outliers on the calibration data
     * @param left       why it stays float; null when it does not
     * @param candidates by width, the narrowest first; empty when it stays float
     */
    public record Activation(
            String tensor,
            String kind,
            Set<String> readers,
            String gridOf,
            Observed observed,
            @JsonInclude(JsonInclude.Include.NON_NULL) String left,
            List<ActivationCandidate> candidates) {}

    /**
     * An activation at one width.
     *
     * @param range         criterion that chose its range
     * @param sqnrDb        signal power over quantization error power of the activation, in decibels
     * @param consumerError squared error over power of the outputs of the layers that read it, it alone being quantized;
     *                      null when that was not measured
     */
    public record ActivationCandidate(
            int bits, Quantizer quantizer, String range, double sqnrDb, Double consumerError) {}

    /** A constant: input {@code input} of node {@code node}, by width, the narrowest first. */
    public record Weight(String tensor, String node, int input, List<WeightCandidate> candidates) {
        /** As a plan has it, with one of the quantizers or what came of it. */
        public QuantizationPlan.Weight with(Uniform quantizer) {
            return new QuantizationPlan.Weight(tensor, node, input, quantizer);
        }
    }

    /**
     * A constant at one width.
     *
     * @param error squared error over power of the elements, each counting by the mean square of the input it meets
     * @param free  the error if pairs of codes were not limited; null where they are not
     */
    public record WeightCandidate(
            int bits,
            Uniform quantizer,
            double error,
            @JsonInclude(JsonInclude.Include.NON_NULL) Double free) {}

    /** An activation at a width; empty when it stays float or that width was no candidate. */
    public Optional<ActivationCandidate> activation(String tensor, int bits) {
        return activations.stream()
                .filter(activation -> activation.tensor().equals(tensor))
                .flatMap(activation -> activation.candidates().stream())
                .filter(candidate -> candidate.bits() == bits)
                .findFirst();
    }

    /** The constant that {@code node} reads, at a width; empty when that was no candidate. */
    public Optional<WeightCandidate> weight(String node, int bits) {
        return weights.stream()
                .filter(weight -> weight.node().equals(node))
                .flatMap(weight -> weight.candidates().stream())
                .filter(candidate -> candidate.bits() == bits)
                .findFirst();
    }

    /** Writes JSON. */
    public void write(Path file) throws IOException {
        JSON.writeValue(file.toFile(), this);
    }

    /**
     * Reads what {@link #write} wrote.
     *
     * @throws BadInput when the file is no calibration table
     */
    public static CalibrationTable read(Path file) throws IOException {
        try {
            return JSON.readValue(Files.readAllBytes(file), CalibrationTable.class);
        } catch (JsonProcessingException e) {
            throw new BadInput(file.getFileName() + " is not a calibration table: " + e.getOriginalMessage(), e);
        }
    }
}
