package dev.quantline.quantize.tune;

import dev.quantline.onnx.Graph;
import dev.quantline.quantize.plan.QuantizationPlan;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** Finds the single layers of a network: each quantized convolution or product with its bias, before any activation. */
final class Layers {
    private Layers() {}

    /** Layers in graph order; products of two activations are among them. */
    static List<Subgraph> of(Graph model, QuantizationPlan plan) {
        var index = model.index();
        Set<String> inputs =
                model.inputs().stream().map(input -> input.getName()).collect(Collectors.toSet());
        var layers = new ArrayList<Subgraph>();
        for (var node : model.nodes()) {
            var read = node.inputs().stream()
                    .filter(input -> !input.isEmpty() && index.constant(input).isEmpty())
                    .toList();
            boolean quantized = plan.weightOf(node.name()).isPresent();
            quantized |= read.stream()
                    .anyMatch(input -> plan.activationOf(input, node.name()).isPresent());
            if (!node.is("Conv", "Gemm", "MatMul") || !quantized) {
                continue;
            }
            var nodes = new LinkedHashSet<>(Set.of(node.name()));
            String output = node.output();
            var bias = index.onlyConsumer(output)
                    .filter(next -> node.is("MatMul")
                            && next.is("Add")
                            && next.inputs().stream()
                                    .anyMatch(input -> index.constant(input)
                                            .filter(value -> value.rank() == 1)
                                            .isPresent()));
            if (bias.isPresent()) {
                nodes.add(bias.get().name());
                output = bias.get().output();
            }
            layers.add(new Subgraph(
                    node.name(),
                    read.stream()
                            .distinct()
                            .filter(input -> !inputs.contains(input))
                            .toList(),
                    List.of(output),
                    nodes));
        }
        return layers;
    }
}
