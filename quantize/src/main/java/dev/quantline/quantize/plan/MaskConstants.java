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
 * Tensors that carry the constants attention masks are made of: -10000, -1e9, -3.4e38, minus infinity. One grid for them
 * and for the scores beside them would leave the scores a single code. They are followed from the constants, through what
 * moves, picks, adds and scales numbers, up to what bounds them (Softmax, Relu, Clip).
 */
final class MaskConstants {
    /** Magnitudes from here on are no weights, scores or activations. */
    private static final float SMALLEST = 1e4f;

    private MaskConstants() {}

    /** Names of all tensors a mask's constants may stand in. */
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

    /** Whether numbers of a node's inputs may stand in its output, moved, picked, scaled or beside others. */
    private static boolean carries(Node node) {
        return Operators.isAny(node, Operators.MOVING, Operators.COPYING, Operators.EXTENDING)
                || node.is("Add", "Sub", "Mul", "Neg", "Where", "Concat", "Gather", "GatherElements")
                || node.is("ScatterND", "ScatterElements", "Trilu", "Dropout", "ConstantOfShape");
    }

    /** Whether {@code tensor} is a constant that holds such a number. */
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
