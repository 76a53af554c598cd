package dev.quantline.quantize.plan;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.TensorProtos;
import java.util.HashSet;
import java.util.Set;

/**
 * Tensors that contain the constants of attention masks: -10000, -1e9, -3.4e38, minus infinity. A common grid for them
 * and the scores would leave the scores a single code. They are traced from the constants through operators that move,
 * select, add or scale numbers, up to those that bound them (Softmax, Relu, Clip).
 */
final class MaskConstants {
    /** Numbers of at least this magnitude are not weights, scores or activations. */
    private static final float SMALLEST = 1e4f;

    private MaskConstants() {}

    /** Names of all tensors that may contain mask constants. */
    static Set<String> in(Graph graph) {
        var index = graph.index();
        var carrying = new HashSet<String>();
        for (var node : graph.nodes()) {
            if (carries(node)
                    && (makes(node)
                            || node.inputs().stream()
                                    .anyMatch(input -> carrying.contains(input) || holds(index, input)))) {
                carrying.addAll(node.outputs());
            }
        }
        carrying.remove("");
        return carrying;
    }

    /** Whether numbers from a node's inputs may occur in its output: moved, selected, scaled, or concatenated. */
    private static boolean carries(Node node) {
        return Operators.isAny(node, Operators.MOVING, Operators.COPYING, Operators.EXTENDING)
                || node.is("Add", "Sub", "Mul", "Neg", "Where", "Concat", "Gather", "GatherElements")
                || node.is("ScatterND", "ScatterElements", "Trilu", "Dropout", "ConstantOfShape");
    }

    /** Whether {@code tensor} is a constant with such a number. */
    static boolean holds(GraphIndex index, String tensor) {
        return index.constant(tensor).filter(MaskConstants::holds).isPresent();
    }

    private static boolean makes(Node node) {
        return node.is("ConstantOfShape")
                && node.has("value")
                && holds(TensorProtos.fromProto(node.attributes().get("value").getT()));
    }

    private static boolean holds(Tensor constant) {
        if (constant.type() != DataType.FLOAT) {
            return false;
        }
        var values = constant.floats();
        while (values.hasRemaining()) {
            if (Math.abs(values.get()) >= SMALLEST) {
                return true;
            }
        }
        return false;
    }
}
