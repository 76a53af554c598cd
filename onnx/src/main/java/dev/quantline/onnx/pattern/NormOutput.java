package dev.quantline.onnx.pattern;

import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.Optional;

/**
 * The output of a LayerNorm or RMSNorm over the last axis, as one operator or decomposed as by exporters: normalised
 * values times gamma plus beta.
 *
 * @param tensor     the output
 * @param normalized the tensor that gamma multiplies; for a LayerNormalization operator, the input of the node; empty if
 *                   no tensor holds it
 * @param operator   the LayerNormalization node; empty if decomposed
 * @param gamma      {@code [channels]}
 * @param beta       {@code [channels]}, zeros if there is none
 */
public record NormOutput(String tensor, String normalized, Optional<Node> operator, float[] gamma, float[] beta) {
    /** Recognises such an output; empty for anything else, or if gamma or beta are not constant vectors. */
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
                return Optional.of(new NormOutput(
                        tensor, scaled.get().normalized, Optional.empty(), scaled.get().gamma, beta.get()));
            }
            var folded = folded(index, add.get().input(i), add.get().input(1 - i), tensor);
            if (folded.isPresent()) {
                return folded;
            }
        }
        return scaled(index, tensor);
    }

    /** LAYERNORM or RMSNORM for any normalised output, with or without gamma; empty for anything else. */
    public static Optional<ActivationKind> kindOf(GraphIndex index, String tensor) {
        var operator = index.producer(tensor);
        if (operator.filter(node -> node.op().endsWith("LayerNormalization")).isPresent()) {
            return Optional.of(
                    operator.get().op().contains("Simplified") ? ActivationKind.RMSNORM : ActivationKind.LAYERNORM);
        }
        if (operator.filter(node -> node.op().equals("RMSNormalization")).isPresent()) {
            return Optional.of(ActivationKind.RMSNORM);
        }
        var norm = of(index, tensor);
        String normalized = norm.map(NormOutput::normalized).orElse(tensor);
        if (norm.isPresent() && normalized.isEmpty()) {
            return Optional.of(ActivationKind.LAYERNORM);
        }
        return numerator(index, normalized)
                .map(x -> isCentred(index, x) ? ActivationKind.LAYERNORM : ActivationKind.RMSNORM);
    }

    private static Optional<NormOutput> whole(GraphIndex index, String tensor, Node node) {
        var gamma = vector(index, node.input(1));
        var beta = node.hasInput(2) ? vector(index, node.input(2)) : gamma.map(g -> new float[g.length]);
        return gamma.isPresent() && beta.isPresent()
                ? Optional.of(new NormOutput(tensor, node.input(0), Optional.of(node), gamma.get(), beta.get()))
                : Optional.empty();
    }

    private static Optional<NormOutput> scaled(GraphIndex index, String tensor) {
        var mul = index.producer(tensor, "Mul");
        for (int i = 0; i < 2 && mul.isPresent(); i++) {
            var gamma = vector(index, mul.get().input(i));
            String normalized = mul.get().input(1 - i);
            if (gamma.isPresent() && numerator(index, normalized).isPresent()) {
                return Optional.of(new NormOutput(
                        tensor, normalized, Optional.empty(), gamma.get(), new float[gamma.get().length]));
            }
        }
        return Optional.empty();
    }

    /** TensorFlow's form: x g + (beta - mean(x) g) with g = gamma / sqrt(variance + epsilon). */
    private static Optional<NormOutput> folded(GraphIndex index, String product, String rest, String tensor) {
        var sub = index.producer(rest, "Sub");
        var scaled = index.producer(product, "Mul");
        if (sub.isEmpty() || scaled.isEmpty()) {
            return Optional.empty();
        }
        var beta = vector(index, sub.get().input(0));
        for (int i = 0; i < 2; i++) {
            String factor = scaled.get().input(i);
            boolean shared =
                    index.isMade(sub.get().input(1), "Mul", mul -> mul.inputs().contains(factor));
            var gamma = shared ? gamma(index, factor) : Optional.<float[]>empty();
            if (gamma.isPresent() && beta.isPresent() && beta.get().length == gamma.get().length) {
                return Optional.of(new NormOutput(tensor, "", Optional.empty(), gamma.get(), beta.get()));
            }
        }
        return Optional.empty();
    }

    private static Optional<float[]> gamma(GraphIndex index, String factor) {
        var mul = index.producer(factor, "Mul");
        for (int i = 0; i < 2 && mul.isPresent(); i++) {
            if (isReciprocal(index, mul.get().input(i))) {
                return vector(index, mul.get().input(1 - i));
            }
        }
        return Optional.empty();
    }

    private static Optional<float[]> vector(GraphIndex index, String tensor) {
        return index.constant(tensor)
                .filter(constant -> constant.rank() == 1 && constant.dim(0) > 1)
                .map(Tensor::toFloats);
    }

    /** The x of x / sqrt(mean + eps), or of x times the reciprocal of the root. */
    private static Optional<String> numerator(GraphIndex index, String tensor) {
        var divided = index.producer(tensor, "Div");
        if (divided.isPresent()) {
            return isDeviation(index, divided.get().input(1))
                            && !index.isConstant(divided.get().input(0))
                    ? Optional.of(divided.get().input(0))
                    : Optional.empty();
        }
        var mul = index.producer(tensor, "Mul");
        for (int i = 0; i < 2 && mul.isPresent(); i++) {
            if (isReciprocal(index, mul.get().input(i))) {
                return Optional.of(mul.get().input(1 - i));
            }
        }
        return Optional.empty();
    }

    private static boolean isCentred(GraphIndex index, String x) {
        return index.isMade(
                x, "Sub", sub -> index.producer(sub.input(1), "ReduceMean").isPresent());
    }

    private static boolean isReciprocal(GraphIndex index, String tensor) {
        return index.isMade(tensor, "Reciprocal", node -> isDeviation(index, node.input(0)))
                || index.isMade(
                        tensor, "Div", node -> index.isConstant(node.input(0)) && isDeviation(index, node.input(1)))
                || isPower(index, tensor, -0.5);
    }

    private static boolean isDeviation(GraphIndex index, String tensor) {
        return index.isMade(tensor, "Sqrt", sqrt -> isVariance(index, sqrt.input(0))) || isPower(index, tensor, 0.5);
    }

    private static boolean isPower(GraphIndex index, String tensor, double exponent) {
        return index.isMade(
                tensor,
                "Pow",
                pow -> index.number(pow.input(1)).orElse(0.0) == exponent && isVariance(index, pow.input(0)));
    }

    /** Whether a tensor is a mean plus epsilon. */
    private static boolean isVariance(GraphIndex index, String tensor) {
        return index.producer(tensor, "Add").stream()
                .flatMap(add -> add.inputs().stream())
                .anyMatch(input -> index.producer(input, "ReduceMean").isPresent());
    }
}
