package dev.quantline.quantize.tune;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ValueInfos;
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

    /** This part of {@code model} as a graph of its own, starting from {@link #inputs} and those inputs of the model it needs. */
    Graph cut(Graph model) {
        var part = model.copy();
        part.nodes().removeIf(node -> node.outputs().stream().anyMatch(inputs::contains));
        part.outputs().clear();
        outputs.forEach(tensor -> part.outputs().add(ValueInfos.of(tensor, DataType.FLOAT)));
        part.prune();
        Set<String> read =
                part.nodes().stream().flatMap(node -> node.inputs().stream()).collect(Collectors.toSet());
        part.inputs()
                .removeIf(input ->
                        !read.contains(input.getName()) || part.initializers().containsKey(input.getName()));
        inputs.forEach(tensor -> part.inputs().add(ValueInfos.of(tensor, DataType.FLOAT)));
        return part;
    }
}
