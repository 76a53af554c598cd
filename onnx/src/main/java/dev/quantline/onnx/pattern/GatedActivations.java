package dev.quantline.onnx.pattern;

import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * x times a squashed x, as a single operator or decomposed. Decomposed, it is a product, in any order and with any constants,
 * of x and a gate: {@code 1 + erf(x / sqrt 2)} and {@code 1 + tanh(..)} are GELU, {@code sigmoid(1.702 x)} is its quick form,
 * {@code sigmoid(x)} is SiLU. With another activation in the product it is gated.
 */
final class GatedActivations {
    private static final int DEEPEST = 8;
    private static final double QUICK = 1.702;

    private final GraphIndex index;

    GatedActivations(GraphIndex index) {
        this.index = index;
    }

    /** GELU, SILU or GATE for the output of {@code node}; empty if it is not a product with a gate. */
    Optional<ActivationKind> kindOf(Node node) {
        boolean operator = node.domain().isEmpty() || node.domain().equals("com.microsoft");
        if (operator && List.of("Gelu", "FastGelu", "BiasGelu").contains(node.op())) {
            return Optional.of(ActivationKind.GELU);
        }
        if (operator && node.op().equals("QuickGelu")) {
            double alpha = node.floatOf("alpha", (float) QUICK);
            return Optional.of(Math.abs(alpha - QUICK) < 0.01 ? ActivationKind.GELU : ActivationKind.SILU);
        }
        if (node.is("HardSwish")) {
            return Optional.of(ActivationKind.SILU);
        }
        if (!node.is("Mul")) {
            return Optional.empty();
        }
        var factors = new ArrayList<String>();
        collect(node.output(), factors, 0);
        boolean another = factors.size() > 2;
        return factors.stream()
                .flatMap(gate -> kind(gate, factors).stream())
                .findFirst()
                .map(kind -> another ? ActivationKind.GATE : kind);
    }

    /** The activations among the factors of a product, without constants. */
    private void collect(String tensor, List<String> factors, int depth) {
        var product =
                index.producer(tensor, "Mul", "Div").filter(node -> node.is("Mul") || index.isConstant(node.input(1)));
        if (product.isEmpty() || depth == DEEPEST) {
            factors.add(tensor);
            return;
        }
        product.get().inputs().stream()
                .filter(input -> !index.isConstant(input))
                .forEach(input -> collect(input, factors, depth + 1));
    }

    private Optional<ActivationKind> kind(String gate, List<String> factors) {
        if (factors.size() < 2) {
            return Optional.empty();
        }
        var sigmoid = index.producer(gate, "Sigmoid", "HardSigmoid");
        if (sigmoid.isPresent()) {
            String inside = sigmoid.get().input(0);
            var scaled = index.producer(inside, "Mul");
            boolean own = factors.stream().anyMatch(x -> !x.equals(gate) && comesFrom(inside, x, 0));
            boolean quick = scaled.stream()
                    .flatMap(mul -> mul.inputs().stream())
                    .flatMap(input -> index.number(input).stream())
                    .anyMatch(alpha -> Math.abs(alpha - QUICK) < 0.01);
            return Optional.of(!own ? ActivationKind.GATE : quick ? ActivationKind.GELU : ActivationKind.SILU);
        }
        boolean risen = index.isMade(
                gate,
                "Add",
                add -> add.inputs().stream().anyMatch(index::isConstant)
                        && add.inputs().stream().anyMatch(this::isErrorFunction));
        boolean own = risen && factors.stream().anyMatch(x -> !x.equals(gate) && comesFrom(gate, x, 0));
        return own ? Optional.of(ActivationKind.GELU) : Optional.empty();
    }

    private boolean isErrorFunction(String tensor) {
        return index.producer(tensor, "Erf", "Tanh").isPresent()
                || index.isMade(
                        tensor,
                        "Mul",
                        mul -> mul.inputs().stream()
                                .anyMatch(input ->
                                        index.producer(input, "Erf", "Tanh").isPresent()));
    }

    private boolean comesFrom(String tensor, String source, int depth) {
        if (tensor.equals(source)) {
            return true;
        }
        return depth < DEEPEST
                && index.producer(tensor, "Erf", "Tanh", "Mul", "Div", "Add", "Pow").stream()
                        .flatMap(node -> node.inputs().stream())
                        .anyMatch(input -> comesFrom(input, source, depth + 1));
    }
}
