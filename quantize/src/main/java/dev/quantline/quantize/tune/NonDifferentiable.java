package dev.quantline.quantize.tune;

import dev.quantline.gradient.rules.Rules;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import dev.quantline.quantize.plan.QuantizationPlan;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;

/** Nodes that gradients cannot pass, recurrent layers above all: nothing before them in a subgraph can be trained. */
final class NonDifferentiable {
    private NonDifferentiable() {}

    /** The first such node between the trainable tensors of a subgraph and its outputs. */
    static Optional<Node> in(Subgraph subgraph, Graph model, QuantizationPlan plan) {
        return first(subgraph.cut(model), List.of(), plan);
    }

    /** The first such node after a subgraph. */
    static Optional<Node> behind(Subgraph rest, Graph model) {
        return first(rest.cut(model), rest.inputs(), new QuantizationPlan(List.of(), List.of()));
    }

    private static Optional<Node> first(Graph graph, Collection<String> trained, QuantizationPlan plan) {
        var moved = new HashSet<>(trained);
        for (var node : graph.nodes()) {
            boolean reached = node.inputs().stream()
                    .anyMatch(input -> moved.contains(input)
                            || plan.activationOf(input, node.name()).isPresent());
            if (reached && !Rules.has(node)) {
                return Optional.of(node);
            }
            boolean layer = (Operators.LAYERS.has(node) || node.is("Add"))
                    && plan.weightOf(node.name()).isPresent();
            if (layer || reached && Rules.flows(node)) {
                moved.addAll(node.outputs());
                moved.remove("");
            }
        }
        return Optional.empty();
    }
}
