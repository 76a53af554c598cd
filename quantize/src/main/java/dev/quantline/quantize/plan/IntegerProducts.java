package dev.quantline.quantize.plan;

import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import dev.quantline.onnx.Tensor;

/** Layers with constant weights that integer kernels multiply in pairs if their activations are quantized. */
public final class IntegerProducts {
    private IntegerProducts() {}

    /**
     * Whether a kernel for unsigned activations and signed weights adds neighbouring products of this layer, and can thus saturate
     * without VNNI. Depthwise convolutions have their own kernels, which multiply in 32 bits, and some convolutions of volumes run in
     * float.
     *
     * @param weight its constant input; for a convolution {@code [outputs, inputs of a group, ..]}
     */
    public static boolean addPairs(Node node, Tensor weight) {
        boolean depthwise = node.is("Conv") && weight.dim(1) == 1 && weight.dim(0) == node.intOf("group", 1);
        return Operators.LAYERS.has(node) && !depthwise && !(node.is("Conv") && FloatKernels.isFaster(node, weight));
    }
}
