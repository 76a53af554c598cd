package dev.quantline.prepare;

import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.Optional;

/**
 * The output of a LayerNorm or RMSNorm over the last axis, whole or decomposed as exporters write it: normalised values
 * times gamma plus beta.
 *
 * @param tensor     the output
 * @param normalized what gamma multiplies; the input of the node for a LayerNormalization operator
 * @param operator   the LayerNormalization node; empty when decomposed
 * @param gamma      {@code [channels]}
 * @param beta       {@code [channels]}, zeros when there is none
 */
public record NormOutput(String tensor, String normalized, Optional<Node> operator, float[] gamma, float[] beta) {
    /** Recognises such an output; empty for anything else, and where gamma or beta are not constant vectors. */
    public static Optional<NormOutput> of(GraphIndex index, String tensor) {
        var operator = index.producer(tensor, "LayerNormalization").filter(node -> node.intOf("axis", -1) == -1);
        if (operator.isPresent()) {
            return whole(index, tensor, operator.get());
        }
        var add = index.producer(tensor, "Add");
        for (int i = 0; i < 2 && add.isPresent(); i++) {
            var beta = vector(index, add.get().input(i));
            var scaled = scaled(index, add.get().input(1 - i));
            if (beta.isPresent() && scaled.isPresent() && beta.get().length == scaled.get().gamma.length) {
                return Optional.of(new NormOutput(tensor, scaled.get().normalized, Optional.empty(), scaled.get().gamma, beta.get()));
            }
        }
        return scaled(index, tensor);
    }

    private static Optional<NormOutput> whole(GraphIndex index, String tensor, Node node) {
        var gamma = vector(index, node.input(1));
        var beta = node.hasInput(2) ? vector(index, node.input(2)) : gamma.map(g -> new float[g.length]);
        return gamma.isPresent() && beta.isPresent()
            ? Optional.of(new NormOutput(tensor, node.input(0), Optional.of(node), gamma.get(), beta.get())) : Optional.empty();
    }

    private static Optional<NormOutput> scaled(GraphIndex index, String tensor) {
        var mul = index.producer(tensor, "Mul");
        for (int i = 0; i < 2 && mul.isPresent(); i++) {
            var gamma = vector(index, mul.get().input(i));
            String normalized = mul.get().input(1 - i);
            if (gamma.isPresent() && isNormalized(index, normalized)) {
                return Optional.of(new NormOutput(tensor, normalized, Optional.empty(), gamma.get(), new float[gamma.get().length]));
            }
        }
        return Optional.empty();
    }

    private static Optional<float[]> vector(GraphIndex index, String tensor) {
        return index.constant(tensor).filter(constant -> constant.rank() == 1 && constant.dim(0) > 1).map(Tensor::toFloats);
    }

    /** x / sqrt(mean + eps), or x times the reciprocal of that. */
    private static boolean isNormalized(GraphIndex index, String tensor) {
        var divided = index.producer(tensor, "Div").map(node -> node.input(1));
        if (divided.isPresent()) {
            return isDeviation(index, divided.get());
        }
        return index.producer(tensor, "Mul").stream().flatMap(mul -> mul.inputs().stream())
            .flatMap(input -> index.producer(input, "Reciprocal").stream()).anyMatch(node -> isDeviation(index, node.input(0)));
    }

    private static boolean isDeviation(GraphIndex index, String tensor) {
        return index.producer(tensor, "Sqrt").flatMap(sqrt -> index.producer(sqrt.input(0), "Add")).stream()
            .flatMap(add -> add.inputs().stream()).anyMatch(input -> index.producer(input, "ReduceMean").isPresent());
    }
}
