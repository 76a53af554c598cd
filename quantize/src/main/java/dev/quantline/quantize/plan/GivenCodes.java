package dev.quantline.quantize.plan;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import java.util.List;
import java.util.Set;

/**
 * Layers that are already quantized in the given model: float operators after DequantizeLinear, and operators on integers. They
 * stay exactly as they are.
 */
public final class GivenCodes {
    private GivenCodes() {}

    /** Whether a node reads a tensor restored from codes. */
    static boolean areReadBy(GraphIndex index, Node node) {
        return node.inputs().stream().anyMatch(input -> areIn(index, input));
    }

    private static boolean areIn(GraphIndex index, String tensor) {
        var made = index.producer(tensor);
        while (made.filter(node -> passes(node)).isPresent()) {
            made = index.producer(made.get().input(0));
        }
        return made.filter(node -> node.op().equals("DequantizeLinear")).isPresent();
    }

    /** Whether a node moves values without changing them, or changes only their type. */
    private static boolean passes(Node node) {
        return node.is("MaxPool", "Pad")
                || Operators.isAny(node, Operators.MOVING, Operators.BLOCKS, Operators.COPYING);
    }

    /** Whether all readers of a tensor are quantizers. */
    static boolean areMadeOf(GraphIndex index, String tensor) {
        var readers = index.consumers(tensor);
        return !readers.isEmpty()
                && !index.isOutput(tensor)
                && readers.stream()
                        .allMatch(node -> Set.of("QuantizeLinear", "DynamicQuantizeLinear")
                                .contains(node.op()));
    }

    private static boolean isOnCodes(String op) {
        return RuntimeKernels.INTEGER_PRODUCTS.has(op)
                || RuntimeKernels.PACKED_PRODUCTS.has(op)
                || RuntimeKernels.OTHER_CODES.has(op);
    }

    /** Names of the layers that were already quantized, in graph order. */
    public static List<String> layers(Graph graph) {
        var index = graph.index();
        return graph.nodes().stream()
                .filter(node -> isOnCodes(node.op())
                        || (Operators.LAYERS.has(node)
                                        || !FloatKernels.weights(node).isEmpty())
                                && areReadBy(index, node))
                .map(Node::name)
                .toList();
    }
}
