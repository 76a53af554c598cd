package dev.quantline.onnx;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/** Producers and consumers of the tensors of a graph, as it was when the index was built. */
public final class GraphIndex {
    private final Graph graph;
    private final Map<String, Node> producers = new HashMap<>();
    private final Map<String, List<Node>> consumers = new HashMap<>();
    private final Set<String> outputs;

    GraphIndex(Graph graph) {
        this.graph = graph;
        outputs = graph.outputs().stream().map(output -> output.getName()).collect(Collectors.toUnmodifiableSet());
        for (var node : graph.nodes()) {
            node.outputs().stream().filter(output -> !output.isEmpty()).forEach(output -> producers.put(output, node));
            var read = new LinkedHashSet<>(node.inputs());
            read.addAll(node.captured());
            read.remove("");
            read.forEach(input ->
                    consumers.computeIfAbsent(input, key -> new ArrayList<>()).add(node));
        }
    }

    /** The node that computes {@code tensor}; empty for graph inputs and initializers. */
    public Optional<Node> producer(String tensor) {
        return Optional.ofNullable(producers.get(tensor));
    }

    /** The producer if it is one of these standard operators. */
    public Optional<Node> producer(String tensor, String... ops) {
        return producer(tensor).filter(node -> node.is(ops));
    }

    /** Whether {@code tensor} is computed by this standard operator and its node satisfies {@code how}. */
    public boolean isMade(String tensor, String op, Predicate<Node> how) {
        return producer(tensor, op).filter(how).isPresent();
    }

    /** Nodes that read {@code tensor}, once each, in graph order. */
    public List<Node> consumers(String tensor) {
        return consumers.getOrDefault(tensor, List.of());
    }

    /** The only reader of {@code tensor}; empty if there are several or none, or if it is also a graph output. */
    public Optional<Node> onlyConsumer(String tensor) {
        var nodes = consumers(tensor);
        return nodes.size() == 1 && !isOutput(tensor) ? Optional.of(nodes.getFirst()) : Optional.empty();
    }

    public boolean isOutput(String tensor) {
        return outputs.contains(tensor);
    }

    /** The constant value of {@code tensor}; empty if it is computed or an input. */
    public Optional<Tensor> constant(String tensor) {
        return Optional.ofNullable(graph.initializers().get(tensor));
    }

    public boolean isConstant(String tensor) {
        return constant(tensor).isPresent();
    }

    /** The value of a constant with one element, of any shape; empty for anything else. */
    public Optional<Double> number(String tensor) {
        return constant(tensor).filter(value -> value.size() == 1).map(value -> value.get(0));
    }
}
