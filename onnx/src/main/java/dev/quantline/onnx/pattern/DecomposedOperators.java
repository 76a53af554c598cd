package dev.quantline.onnx.pattern;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.ValueInfos;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Layer normalisation and GELU decomposed into elementary operators that compute exactly what the single ONNX operator does.
 * Looser forms, which merely have the values of a norm or a GELU, are left to {@link ActivationKinds}.
 */
public final class DecomposedOperators {
    private final Graph graph;
    private final GraphIndex index;

    /** Examines the graph as it is now. */
    public DecomposedOperators(Graph graph) {
        this.graph = graph;
        index = graph.index();
    }

    /**
     * The operator that a node is the core of, with the output of the last elementary operator; empty if there is none.
     *
     * @param core the division of a layer normalisation, or the error function of a GELU
     */
    public Optional<Node> whole(Node core) {
        return core.is("Div") ? layerNorm(core) : core.is("Erf") ? gelu(core) : Optional.empty();
    }

    /** (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * gamma + beta over the last axis, recognised from its division. */
    private Optional<Node> layerNorm(Node division) {
        var centered = index.producer(division.input(0), "Sub").filter(this::subtractsMean);
        var root = index.producer(division.input(1), "Sqrt");
        var shifted = root.flatMap(node -> index.producer(node.input(0), "Add"));
        var variance = shifted.flatMap(node ->
                index.producer(node.input(0), "ReduceMean").or(() -> index.producer(node.input(1), "ReduceMean")));
        var epsilon = variance.flatMap(mean -> index.number(shifted.get().beside(mean.output())));
        if (centered.isEmpty()
                || epsilon.isEmpty()
                || variance.isEmpty()
                || !isLastAxis(variance.get())
                || !isSquareOf(variance.get().input(0), centered.get())) {
            return Optional.empty();
        }
        var scaled = index.onlyConsumer(division.output()).filter(node -> node.is("Mul"));
        var gamma = scaled.map(node -> node.beside(division.output())).filter(this::isVector);
        var added = scaled.flatMap(node -> index.onlyConsumer(node.output())).filter(node -> node.is("Add"));
        var beta = added.map(node -> node.beside(scaled.get().output())).filter(this::isVector);
        if (gamma.isEmpty() || beta.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(new Node(
                        added.get().name(),
                        "LayerNormalization",
                        "",
                        List.of(centered.get().input(0), gamma.get(), beta.get()),
                        added.get().outputs(),
                        Map.of())
                .with("axis", -1)
                .with("epsilon", epsilon.get().floatValue()));
    }

    private boolean subtractsMean(Node difference) {
        return index.isMade(
                difference.input(1),
                "ReduceMean",
                mean -> mean.input(0).equals(difference.input(0)) && isLastAxis(mean));
    }

    private boolean isLastAxis(Node reduction) {
        return reduction.intOf("keepdims", 1) == 1
                && index.number(reduction.input(1)).orElse(0.0) == -1;
    }

    /** Whether {@code tensor} is the square of a difference equal to {@code centered}, which exporters may compute twice. */
    private boolean isSquareOf(String tensor, Node centered) {
        var square = index.producer(tensor, "Pow", "Mul");
        var base = square.flatMap(node -> index.producer(node.input(0), "Sub"));
        return square.filter(node -> node.is("Pow")
                                ? index.number(node.input(1)).orElse(0.0) == 2
                                : node.input(0).equals(node.input(1)))
                        .isPresent()
                && base.filter(node -> node.input(0).equals(centered.input(0)) && subtractsMean(node))
                        .isPresent();
    }

    /** x/2 (1 + erf(x / sqrt 2)) with its factors in any order, recognised from its error function. */
    private Optional<Node> gelu(Node erf) {
        var argument = index.producer(erf.input(0), "Div", "Mul");
        var divisor = argument.flatMap(node -> index.number(node.input(1)));
        boolean root = divisor.filter(
                        value -> Math.abs((argument.get().is("Div") ? value : 1 / value) - Math.sqrt(2)) < 1e-3)
                .isPresent();
        var plusOne = index.onlyConsumer(erf.output())
                .filter(node -> node.is("Add"))
                .filter(node -> index.number(node.beside(erf.output())).orElse(0.0) == 1);
        if (!root || plusOne.isEmpty()) {
            return Optional.empty();
        }
        String x = argument.get().input(0);
        boolean seenX = false;
        boolean seenHalf = false;
        var product = plusOne;
        while (!(seenX && seenHalf)) {
            String factors = product.get().output();
            var next = index.onlyConsumer(factors).filter(node -> node.is("Mul"));
            if (next.isEmpty()) {
                return Optional.empty();
            }
            String factor = next.get().beside(factors);
            boolean halfOfX = index.isMade(
                    factor,
                    "Mul",
                    node -> node.inputs().contains(x)
                            && index.number(node.beside(x)).orElse(0.0) == 0.5);
            boolean half = index.number(factor).orElse(0.0) == 0.5;
            if (!halfOfX && !half && !factor.equals(x)) {
                return Optional.empty();
            }
            seenX |= halfOfX || factor.equals(x);
            seenHalf |= halfOfX || half;
            product = next;
        }
        return Optional.of(new Node(
                product.get().name(), "Gelu", "", List.of(x), product.get().outputs(), Map.of()));
    }

    private boolean isVector(String tensor) {
        return index.constant(tensor)
                .map(value -> value.rank() == 1)
                .orElseGet(() -> graph.inputs().stream()
                        .filter(input -> input.getName().equals(tensor))
                        .findFirst()
                        .flatMap(ValueInfos::shape)
                        .filter(shape -> shape.length == 1)
                        .isPresent());
    }
}
