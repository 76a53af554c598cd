package dev.quantline.quantize.plan;

import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import dev.quantline.onnx.Tensor;

/** Layers with constant weights that integer kernels multiply in pairs, where their activations are quantized. */
public final class IntegerProducts {
    private IntegerProducts() {}

    /**
     * Whether a kernel for unsigned activations and signed weights adds neighbouring products of this layer, and so can saturate without
     * VNNI. Depthwise convolutions have kernels of their own, which multiply in 32 bits, and some of
     * volumes are multiplied on floats.
     *
     * @param weight the constant among its inputs; of a convolution {@code [outputs, inputs of a group, ..]}
     */
    public static boolean addPairs(Node node, Tensor weight) {
        boolean depthwise = node.is("Conv") && weight.dim(1) == 1 && weight.dim(0) == node.intOf("group", 1);
        return Operators.LAYERS.has(node) && !depthwise && !(node.is("Conv") && FloatKernels.isFaster(node, weight));
    }
}
