package dev.quantline.gradient;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.ValueInfos;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Recognises layer normalisation and GELU written out in elementary operators and writes the one operator that ONNX
 * has for each: fewer passes over memory forward, and a closed form backward.
 */
final class Fusions {
    private final Graph graph;
    private final GraphIndex index;

    private Fusions(Graph graph) {
        this.graph = graph;
        this.index = graph.index();
    }

    /** A fused copy of a graph at an opset that has both operators (20 or newer). */
    static Graph apply(Graph graph) {
        var fused = graph.copy();
        var fusions = new Fusions(fused);
        Map<String, Node> replacements = new HashMap<>();
        for (var node : fused.nodes()) {
            var match = node.is("Div")
                    ? fusions.layerNorm(node)
                    : node.is("Erf") ? fusions.gelu(node) : Optional.<Node>empty();
            match.ifPresent(replacement -> replacements.put(replacement.output(), replacement));
        }
        fused.rewrite(node -> List.of(replacements.getOrDefault(node.output(), node)));
        fused.prune();
        return fused;
    }

    /** (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * gamma + beta over the last axis, from its division. */
    private Optional<Node> layerNorm(Node division) {
        var centered = index.producer(division.input(0), "Sub").filter(this::subtractsMean);
        var root = index.producer(division.input(1), "Sqrt");
        var shifted = root.flatMap(node -> index.producer(node.input(0), "Add"));
        var epsilon = shifted.flatMap(node -> operandBeside(node, "ReduceMean")).flatMap(this::number);
        var variance = shifted.flatMap(node -> producerAmong(node, "ReduceMean"));
        if (centered.isEmpty()
                || epsilon.isEmpty()
                || variance.isEmpty()
                || !isLastAxis(variance.get())
                || !isSquareOf(variance.get().input(0), centered.get())) {
            return Optional.empty();
        }
        var scaled = index.onlyConsumer(division.output()).filter(node -> node.is("Mul"));
        var gamma = scaled.map(node -> other(node, division.output())).filter(this::isVector);
        var added = scaled.flatMap(node -> index.onlyConsumer(node.output())).filter(node -> node.is("Add"));
        var beta = added.map(node -> other(node, scaled.get().output())).filter(this::isVector);
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
        return index.producer(difference.input(1), "ReduceMean")
                .filter(mean -> mean.input(0).equals(difference.input(0)) && isLastAxis(mean))
                .isPresent();
    }

    private boolean isLastAxis(Node reduction) {
        return reduction.intOf("keepdims", 1) == 1
                && index.constant(reduction.input(1))
                        .map(axes -> axes.size() == 1 && axes.get(0) == -1)
                        .orElse(false);
    }

    /** Whether {@code tensor} is the square of a difference equal to {@code centered}, which exporters may write twice. */
    private boolean isSquareOf(String tensor, Node centered) {
        var square = index.producer(tensor, "Pow", "Mul");
        var base = square.flatMap(node -> index.producer(node.input(0), "Sub"));
        boolean squared = square.map(node -> node.is("Pow")
                        ? number(node.input(1)).orElse(0.0) == 2
                        : node.input(0).equals(node.input(1)))
                .orElse(false);
        return squared
                && base.filter(node -> node.input(0).equals(centered.input(0)) && subtractsMean(node))
                        .isPresent();
    }

    /** x/2 (1 + erf(x / sqrt 2)) in any order of its factors, from its error function. */
    private Optional<Node> gelu(Node erf) {
        var argument = index.producer(erf.input(0), "Div", "Mul");
        var divisor = argument.flatMap(node -> number(node.input(1)));
        boolean root = divisor.map(
                        value -> Math.abs((argument.get().is("Div") ? value : 1 / value) - Math.sqrt(2)) < 1e-3)
                .orElse(false);
        var plusOne = index.onlyConsumer(erf.output())
                .filter(node -> node.is("Add"))
                .filter(node -> number(other(node, erf.output())).orElse(0.0) == 1);
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
            String factor = other(next.get(), factors);
            boolean halfOfX = index.producer(factor, "Mul")
                    .filter(node ->
                            node.inputs().contains(x) && number(other(node, x)).orElse(0.0) == 0.5)
                    .isPresent();
            boolean half = number(factor).orElse(0.0) == 0.5;
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

    private static String other(Node binary, String operand) {
        return binary.input(0).equals(operand) ? binary.input(1) : binary.input(0);
    }

    private Optional<Node> producerAmong(Node binary, String op) {
        return index.producer(binary.input(0), op).or(() -> index.producer(binary.input(1), op));
    }

    private Optional<String> operandBeside(Node binary, String op) {
        return producerAmong(binary, op).map(node -> other(binary, node.output()));
    }

    private Optional<Double> number(String tensor) {
        return index.constant(tensor).filter(value -> value.size() == 1).map(value -> value.get(0));
    }

    private boolean isVector(String tensor) {
        return index.constant(tensor)
                .map(value -> value.rank() == 1)
                .orElseGet(() -> graph.inputs().stream()
                        .filter(input -> input.getName().equals(tensor))
                        .findFirst()
                        .flatMap(ValueInfos::shape)
                        .map(shape -> shape.length == 1)
                        .orElse(false));
    }
}
