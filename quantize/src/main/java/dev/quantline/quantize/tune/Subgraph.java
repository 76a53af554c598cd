package dev.quantline.quantize.tune;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.quantize.plan.QuantizationPlan;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The part of a model between some tensors and others, which is tuned on its own. Everything that reaches it without
 * passing through quantized layers (masks, position tables) is recomputed inside, from the model's own inputs.
 *
 * @param name    shown to users
 * @param inputs  tensors that it starts from, each with a batch axis; inputs of the model are not among them
 * @param outputs tensors that it ends in, each with a batch axis
 * @param nodes   names of the nodes whose quantizers belong to it
 */
record Subgraph(String name, List<String> inputs, List<String> outputs, Set<String> nodes) {
    Subgraph {
        inputs = List.copyOf(inputs);
        outputs = List.copyOf(outputs);
        nodes = new LinkedHashSet<>(nodes);
    }

    /** The subgraph cut out of {@code model} as a graph of its own, with {@link #inputs} and the model inputs that it needs. */
    Graph cut(Graph model) {
        var graph = model.copy();
        graph.nodes().removeIf(node -> node.outputs().stream().anyMatch(inputs::contains));
        graph.outputs().clear();
        outputs.forEach(tensor -> graph.outputs().add(ValueInfos.of(tensor, DataType.FLOAT)));
        graph.prune();
        Set<String> read =
                graph.nodes().stream().flatMap(node -> node.inputs().stream()).collect(Collectors.toSet());
        graph.inputs()
                .removeIf(input ->
                        !read.contains(input.getName()) || graph.initializers().containsKey(input.getName()));
        inputs.forEach(tensor -> graph.inputs().add(ValueInfos.of(tensor, DataType.FLOAT)));
        return graph;
    }

    /**
     * The part of a plan that belongs to the subgraph: the quantizers of the tensors that it reads. Its outputs are left
     * unquantized, except those that are outputs of the model.
     *
     * @param cut the subgraph as a graph of its own, without nodes that lead to none of its outputs
     */
    QuantizationPlan own(QuantizationPlan plan, Graph cut, Graph model) {
        var computed =
                cut.nodes().stream().filter(node -> nodes.contains(node.name())).toList();
        Set<String> names = computed.stream().map(Node::name).collect(Collectors.toSet());
        var activations = new ArrayList<QuantizationPlan.Activation>();
        for (var planned : plan.activations()) {
            String tensor = planned.tensor();
            boolean ofAll = planned.readers().isEmpty();
            Set<String> readers = computed.stream()
                    .filter(node -> node.inputs().contains(tensor)
                            && (ofAll || planned.readers().contains(node.name())))
                    .map(Node::name)
                    .collect(Collectors.toSet());
            if (ofAll
                    && outputs.contains(tensor)
                    && model.outputs().stream()
                            .anyMatch(output -> output.getName().equals(tensor))) {
                activations.add(planned);
            } else if (!readers.isEmpty()) {
                activations.add(new QuantizationPlan.Activation(tensor, readers, planned.quantizer(), planned.range()));
            }
        }
        var weights = plan.weights().stream()
                .filter(weight -> names.contains(weight.node()))
                .toList();
        return new QuantizationPlan(activations, weights);
    }
}
