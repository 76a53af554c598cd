package dev.quantline.quantize.plan;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Layers that a model brings quantized: float operators behind DequantizeLinear, and operators on integers. They stay exactly as
 * they are.
 */
public final class GivenCodes {
    /** Operators that move values without changing them, or change their type alone. */
    private static final Set<String> PASSES = Set.of(
            "MaxPool",
            "Reshape",
            "Flatten",
            "Transpose",
            "Squeeze",
            "Unsqueeze",
            "Split",
            "Slice",
            "DepthToSpace",
            "SpaceToDepth",
            "Identity",
            "Cast",
            "Pad");

    private static final Set<String> LAYERS = Set.of("MatMul", "Gemm", "Conv");
    /** QLinearConv, ConvInteger, and onnxruntime's MatMulNBits, QAttention, DynamicQuantizeLSTM and the like. */
    private static final Pattern INTEGER = Pattern.compile(
            "QLinear(Conv|MatMul)|(Conv|MatMul)Integer(ToFloat)?"
                    + "|MatMul(NBits|BnB4|Fp8|ScaledGEMM)|QGemm|QAttention|QMoE|DynamicQuantize(MatMul|LSTM)|QOrdered(MatMul|Attention)");

    private GivenCodes() {}

    /** Whether a node reads something restored from codes. */
    static boolean areReadBy(GraphIndex index, Node node) {
        return node.inputs().stream().anyMatch(input -> areIn(index, input));
    }

    private static boolean areIn(GraphIndex index, String tensor) {
        var made = index.producer(tensor);
        while (made.filter(node -> node.domain().isEmpty() && PASSES.contains(node.op()))
                .isPresent()) {
            made = index.producer(made.get().input(0));
        }
        return made.filter(node -> node.op().equals("DequantizeLinear")).isPresent();
    }

    /** Whether all that reads a tensor are quantizers. */
    static boolean areMadeOf(GraphIndex index, String tensor) {
        var readers = index.consumers(tensor);
        return !readers.isEmpty()
                && !index.isOutput(tensor)
                && readers.stream()
                        .allMatch(node -> Set.of("QuantizeLinear", "DynamicQuantizeLinear")
                                .contains(node.op()));
    }

    /** Names of the layers that came quantized, in graph order. */
    public static List<String> layers(Graph graph) {
        var index = graph.index();
        return graph.nodes().stream()
                .filter(node -> INTEGER.matcher(node.op()).matches()
                        || (node.domain().isEmpty() && LAYERS.contains(node.op())
                                        || !FloatKernels.weights(node).isEmpty())
                                && areReadBy(index, node))
                .map(Node::name)
                .toList();
    }
}
