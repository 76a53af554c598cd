package dev.quantline.quantize.plan;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.quantize.quantizer.Quantizer;
import dev.quantline.quantize.quantizer.Uniform;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Assigns quantizers to tensors of a canonical float model. {@link #applyTo} turns the model into plain QDQ ONNX:
 * tuning differentiates through, evaluation runs and the user gets one and the same thing.
 */
public record QuantizationPlan(List<Activation> activations, List<Weight> weights) {
    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

    public QuantizationPlan {
        activations = List.copyOf(activations);
        weights = List.copyOf(weights);
    }

    /**
     * A quantized activation.
     *
     * @param tensor  its name in the float model
     * @param readers nodes that read it quantized; empty: all do
     * @param range   the criterion that chose the range, for the report
     */
    public record Activation(String tensor, Set<String> readers, Quantizer quantizer, String range) {}

    /** A constant stored as codes: input {@code input} of node {@code node}. */
    public record Weight(String tensor, String node, int input, Uniform quantizer) {
        /** The same constant with another quantizer. */
        public Weight with(Uniform other) {
            return new Weight(tensor, node, input, other);
        }
    }

    /** The model with QuantizeLinear and DequantizeLinear after every planned tensor and nothing else changed. */
    public Graph applyTo(Graph model) {
        return StoredCodes.of(model, this);
    }

    /** The same with other weight quantizers, by the node that reads the weight; those not given stay. */
    public QuantizationPlan withWeights(Map<String, Uniform> quantizers) {
        return new QuantizationPlan(
                activations,
                weights.stream()
                        .map(weight -> weight.with(quantizers.getOrDefault(weight.node(), weight.quantizer())))
                        .toList());
    }

    /** The quantizer of an activation as {@code node} reads it. */
    public Optional<Quantizer> activationOf(String tensor, String node) {
        return activations.stream()
                .filter(planned -> planned.tensor().equals(tensor)
                        && (planned.readers().isEmpty() || planned.readers().contains(node)))
                .map(Activation::quantizer)
                .findFirst();
    }

    /** The weight that {@code node} reads as codes; for a recurrent layer, the first one. */
    public Optional<Weight> weightOf(String node) {
        return weights.stream().filter(weight -> weight.node().equals(node)).findFirst();
    }

    /** Writes indented JSON. */
    public void write(Path file) throws IOException {
        Files.writeString(file, toJson());
    }

    /** Indented JSON. */
    public String toJson() {
        try {
            return JSON.writeValueAsString(this);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    /**
     * Reads a file written by {@link #write}.
     *
     * @throws BadInput if the file is not a plan
     */
    public static QuantizationPlan read(Path file) throws IOException {
        return StoredJson.read(file, QuantizationPlan.class, "a quantization plan");
    }
}
