package dev.quantline.quantize.tune;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Operators;
import dev.quantline.onnx.pattern.Bias;
import dev.quantline.quantize.plan.QuantizationPlan;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** Finds the individual layers of a network: each quantized convolution or product with its bias, before any activation. */
final class Layers {
    private Layers() {}

    /** Layers in graph order, including products of two activations. */
    static List<Subgraph> of(Graph model, QuantizationPlan plan) {
        var index = model.index();
        var layers = new ArrayList<Subgraph>();
        for (var node : model.nodes()) {
            var read = node.inputs().stream()
                    .filter(input -> !input.isEmpty() && !index.isConstant(input))
                    .toList();
            boolean quantized = plan.weightOf(node.name()).isPresent();
            quantized |= read.stream()
                    .anyMatch(input -> plan.activationOf(input, node.name()).isPresent());
            if (!Operators.LAYERS.has(node) || !quantized) {
                continue;
            }
            var nodes = new LinkedHashSet<>(Set.of(node.name()));
            var last = Bias.of(index, node).map(Bias::holder).orElse(node);
            nodes.add(last.name());
            layers.add(new Subgraph(
                    node.name(),
                    read.stream()
                            .distinct()
                            .filter(input -> index.producer(input).isPresent())
                            .toList(),
                    List.of(last.output()),
                    nodes));
        }
        return layers;
    }
}
