package dev.quantline.quantize.plan;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes a plan into a graph: readers of a planned tensor then read its quantized and restored form. A {@link Realization}
 * decides how that is computed: for export, for training a part of the model, or for evaluating it.
 */
public final class QdqWriter {
    private final Graph graph;
    /** New input names, by node name and input index. */
    private final Map<String, Map<Integer, String>> inputs = new HashMap<>();

    private final Map<String, String> outputs = new HashMap<>();
    /** Deferred until the model's own nodes are renamed. */
    private final List<Runnable> writes = new ArrayList<>();

    /** How the quantizers of a plan compute: the writer tracks which node reads what, and asks for the nodes in between. */
    public interface Realization {
        /** Makes {@code reader} read the restored codes of its constant. */
        void weight(QuantizationPlan.Weight weight, Node reader, QdqWriter writer);

        /** Replaces the constant bias of a layer whose weight is quantized, if it has one that must change. */
        default void bias(QuantizationPlan.Weight weight, Node layer, QdqWriter writer) {}

        /**
         * Writes quantization and dequantization of an activation.
         *
         * @param from the float tensor
         * @param to   the restored tensor, which its quantized readers already read
         */
        default void activation(QuantizationPlan.Activation activation, String from, String to, QdqWriter writer) {
            writer.later(() -> activation.quantizer().write(writer.graph(), activation.tensor(), from, to));
        }
    }

    private QdqWriter(Graph graph) {
        this.graph = graph;
    }

    /**
     * Writes a plan.
     *
     * @param graph to write into; new nodes are appended, so it must be sorted afterwards
     * @param plan  weights of nodes of the graph; activations with readers, or activations that the graph computes
     * @throws IllegalStateException naming the node of a weight if the graph lacks it
     */
    public static void write(Graph graph, QuantizationPlan plan, Realization realization) {
        new QdqWriter(graph).write(plan, realization);
    }

    private void write(QuantizationPlan plan, Realization realization) {
        for (var weight : plan.weights()) {
            var reader = graph.node(weight.node())
                    .orElseThrow(() -> new IllegalStateException(
                            "the plan names node '" + weight.node() + "', which the model does not have"));
            realization.weight(weight, reader, this);
        }
        for (var node : graph.nodes()) {
            plan.weightOf(node.name()).ifPresent(weight -> realization.bias(weight, node, this));
        }
        plan.activations().forEach(activation -> activation(activation, realization));
        graph.rewrite(node -> List.of(renamed(node)));
        writes.forEach(Runnable::run);
    }

    /** The graph, whose own nodes are unchanged until the actions passed to {@link #later} run. */
    public Graph graph() {
        return graph;
    }

    /** Makes a node read another tensor as its input {@code input}. */
    public void read(String node, int input, String tensor) {
        inputs.computeIfAbsent(node, key -> new HashMap<>()).put(input, tensor);
    }

    /** Renames the tensor that a node writes as {@code tensor}; nothing reads the new name yet. */
    public void rename(String tensor, String name) {
        outputs.put(tensor, name);
    }

    /** Defers an action until all of the graph's own nodes read and write their final tensors. */
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
