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
 * A part of a model that is tuned alone: what lies between some tensors and others. Everything that does not pass through
 * quantized layers on its way there (masks, position tables) is computed again inside, from the model's own inputs.
 *
 * @param name    for people
 * @param inputs  tensors it starts from, each with an axis of samples; inputs of the model are not among them
 * @param outputs tensors it ends in, each with an axis of samples
 * @param nodes   names of the nodes whose quantizers belong to it
 */
record Subgraph(String name, List<String> inputs, List<String> outputs, Set<String> nodes) {
    Subgraph {
        inputs = List.copyOf(inputs);
        outputs = List.copyOf(outputs);
        nodes = new LinkedHashSet<>(nodes);
    }

    /** It as a graph of its own, cut out of {@code model}: from {@link #inputs} and those inputs of the model that it needs. */
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
     * What of a plan belongs to it: the quantizers of the tensors that it reads. Its outputs are what comes before theirs, except
     * where the model ends in them.
     *
     * @param cut it as a graph of its own; what leads to none of its outputs is not in there
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
