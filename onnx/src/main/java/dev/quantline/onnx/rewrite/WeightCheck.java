package dev.quantline.onnx.rewrite;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import dev.quantline.onnx.Tensor;

/** Rejects weights that no network can compute with: NaN, infinity, and numbers whose products exceed the range of floats. */
final class WeightCheck {
    /** Products of two larger numbers are infinite in float32. */
    private static final float LARGEST = 1e18f;

    private WeightCheck() {}

    /**
     * Checks every floating-point initializer that a linear layer of the main graph reads; others, such as masks and bounds, may be
     * infinite.
     *
     * @throws BadInput naming the tensor and the layer
     */
    static void check(Graph model) {
        for (var node : model.nodes()) {
            if (Operators.WEIGHTED.has(node)) {
                node.inputs().forEach(input -> check(model.initializers().get(input), input, node));
            }
        }
    }

    private static void check(Tensor tensor, String name, Node node) {
        if (tensor == null || !tensor.type().isFloating()) {
            return;
        }
        for (int i = 0; i < tensor.size(); i++) {
            double value = tensor.get(i);
            if (!(Math.abs(value) <= LARGEST)) {
                throw new BadInput(
                        "initializer '%s' of node '%s' (%s): element %d is %s, with which the layer cannot compute: export "
                                        .formatted(name, node.name(), node.op(), i, value)
                                + "the trained weights again");
            }
        }
    }
}
