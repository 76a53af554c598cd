package dev.quantline.quantize.plan;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.rewrite.Rewrite;
import dev.quantline.quantize.quantizer.Quantizer;
import dev.quantline.quantize.quantizer.Uniform;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The result of calibration: every quantized tensor at every candidate width, with parameters and expected error. Stages
 * that give layers other widths take the quantizers from here; its JSON is described in docs/calibration.md.
 *
 * @param activations in graph order
 * @param weights     in graph order
 * @param rewrites    the rewrites of the float model before calibration, and why others were not made
 */
public record CalibrationTable(List<Activation> activations, List<Weight> weights, List<Rewrite> rewrites) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /**
     * An activation.
     *
     * @param kind       its kind: softmax, layernorm, gelu, ..
     * @param readers    nodes that read it quantized; empty: all do
     * @param gridOf     the tensor whose quantizer it shares; its own name if it shares none
     * @param observed   its distribution and outliers on the calibration data
     * @param left       the reason why it stays float; null if it does not
     * @param candidates by width, narrowest first; empty if it stays float
     */
    public record Activation(
            String tensor,
            String kind,
            Set<String> readers,
            String gridOf,
            Observed observed,
            @JsonInclude(JsonInclude.Include.NON_NULL) String left,
            List<ActivationCandidate> candidates) {
        /** The same with its readers in another order, which reading a file does not keep. */
        public Activation readBy(Set<String> ordered) {
            return new Activation(tensor, kind, ordered, gridOf, observed, left, candidates);
        }
    }

    /**
     * An activation at one width.
     *
     * @param range         criterion that chose its range
     * @param sqnrDb        signal power of the activation relative to its quantization error power, in decibels
     * @param consumerError squared error, relative to the power, of the outputs of the layers that read it, with it
     *                      alone quantized; null if not measured
     */
    public record ActivationCandidate(
            int bits, Quantizer quantizer, String range, double sqnrDb, Double consumerError) {}

    /** A constant: input {@code input} of node {@code node}, with candidates by width, narrowest first. */
    public record Weight(String tensor, String node, int input, List<WeightCandidate> candidates) {
        /** As an entry of a plan, with one of the quantizers or a tuned one. */
        public QuantizationPlan.Weight with(Uniform quantizer) {
            return new QuantizationPlan.Weight(tensor, node, input, quantizer);
        }
    }

    /**
     * A constant at one width.
     *
     * @param error squared error of the elements relative to their power, each weighted by the mean square of the input
     *              that it multiplies
     * @param free  the error without a limit on pairs of codes; null if there is no limit
     */
    public record WeightCandidate(
            int bits,
            Uniform quantizer,
            double error,
            @JsonInclude(JsonInclude.Include.NON_NULL) Double free) {}

    /** An activation at a width; empty if it stays float or that width was not a candidate. */
    public Optional<ActivationCandidate> activation(String tensor, int bits) {
        return activations.stream()
                .filter(activation -> activation.tensor().equals(tensor))
                .flatMap(activation -> activation.candidates().stream())
                .filter(candidate -> candidate.bits() == bits)
                .findFirst();
    }

    /** The constant that {@code node} reads, at a width; empty if that width was not a candidate. */
    public Optional<WeightCandidate> weight(String node, int bits) {
        return weights.stream()
                .filter(weight -> weight.node().equals(node))
                .flatMap(weight -> weight.candidates().stream())
                .filter(candidate -> candidate.bits() == bits)
                .findFirst();
    }

    public void write(Path file) throws IOException {
        JSON.writeValue(file.toFile(), this);
    }

    /**
     * Reads a file written by {@link #write}.
     *
     * @throws BadInput if the file is not a calibration table
     */
    public static CalibrationTable read(Path file) throws IOException {
        return StoredJson.read(file, CalibrationTable.class, "a calibration table");
    }
}
