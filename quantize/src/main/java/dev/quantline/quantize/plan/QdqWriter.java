package dev.quantline.quantize.plan;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes a plan into a graph: whoever reads a planned tensor reads what its codes stand for. A {@link Realization} says how
 * they are made: for export, while a part of the model is trained, or to judge it.
 */
public final class QdqWriter {
    private final Graph graph;
    /** New name of input i of a node, by node name and input. */
    private final Map<String, Map<Integer, String>> inputs = new HashMap<>();

    private final Map<String, String> outputs = new HashMap<>();
    /** What is written once the model's own nodes are renamed. */
    private final List<Runnable> writes = new ArrayList<>();

    /** How the quantizers of a plan compute: the writer knows who reads what, and asks for the nodes in between. */
    public interface Realization {
        /** Makes {@code reader} read what the codes of its constant stand for. */
        void weight(QuantizationPlan.Weight weight, Node reader, QdqWriter writer);

        /** Changes the constant bias of a layer whose weight is quantized, where it has one that is to change. */
        default void bias(QuantizationPlan.Weight weight, Node layer, QdqWriter writer) {}

        /**
         * Writes quantizing and restoring of an activation.
         *
         * @param from the float tensor
         * @param to   what its codes stand for, which all that are to read it quantized read already
         */
        default void activation(QuantizationPlan.Activation activation, String from, String to, QdqWriter writer) {
            writer.later(() -> activation.quantizer().write(writer.graph(), activation.tensor(), from, to));
        }
    }

    private QdqWriter(Graph graph) {
        this.graph = graph;
    }

    /**
     * Writes.
     *
     * @param graph to write into; the new nodes stand at its end, it is to be sorted
     * @param plan  weights of nodes of the graph; activations with readers, or ones that the graph computes
     * @throws IllegalStateException naming the node of a weight that the graph does not have
     */
    public static void write(Graph graph, QuantizationPlan plan, Realization realization) {
        new QdqWriter(graph).write(plan, realization);
    }

    private void write(QuantizationPlan plan, Realization realization) {
        for (var weight : plan.weights()) {
            var reader = graph.node(weight.node())
                    .orElseThrow(() -> new IllegalStateException(
                            "the plan names node '" + weight.node() + "', and the model has none"));
            realization.weight(weight, reader, this);
        }
        for (var node : graph.nodes()) {
            plan.weightOf(node.name()).ifPresent(weight -> realization.bias(weight, node, this));
        }
        plan.activations().forEach(activation -> activation(activation, realization));
        graph.rewrite(node -> List.of(renamed(node)));
        writes.forEach(Runnable::run);
    }

    /** The graph, whose own nodes are as they were until it is time for what is done {@link #later}. */
    public Graph graph() {
        return graph;
    }

    /** Lets a node read another tensor as its input {@code input}. */
    public void read(String node, int input, String tensor) {
        inputs.computeIfAbsent(node, key -> new HashMap<>()).put(input, tensor);
    }

    /** Gives what a node computes as {@code tensor} another name, under which nobody reads it yet. */
    public void rename(String tensor, String name) {
        outputs.put(tensor, name);
    }

    /** Does something once all of the graph's own nodes read and write the tensors they are to. */
    public void later(Runnable write) {
        writes.add(write);
    }

    private void activation(QuantizationPlan.Activation activation, Realization realization) {
        String tensor = activation.tensor();
        if (activation.readers().isEmpty()) {
            String exact = graph.fresh(tensor + "/float");
            rename(tensor, exact);
            realization.activation(activation, exact, tensor, this);
            return;
        }
        String restored = graph.fresh(tensor + "/dequantized");
        for (var node : graph.nodes()) {
            for (int i = 0; i < node.inputs().size(); i++) {
                if (node.input(i).equals(tensor) && activation.readers().contains(node.name())) {
                    read(node.name(), i, restored);
                }
            }
        }
        realization.activation(activation, tensor, restored, this);
    }

    private Node renamed(Node node) {
        for (var input : inputs.getOrDefault(node.name(), Map.of()).entrySet()) {
            node = node.withInput(input.getKey(), input.getValue());
        }
        return node.withOutputs(node.outputs().stream()
                .map(name -> outputs.getOrDefault(name, name))
                .toList());
    }
}
