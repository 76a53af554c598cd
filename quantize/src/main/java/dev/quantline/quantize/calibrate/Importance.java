package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.profile.TensorProfile;

/** How much an error in each element of a weight matters: the mean square of the input channel that it is multiplied by. */
final class Importance {
    private Importance() {}

    /**
     * @param seen profile of the layer's data input; null if it has none
     * @return one number per element of {@code weight}; null if the channels are unknown
     */
    static float[] of(Node node, int input, Tensor weight, TensorProfile seen) {
        if (seen == null || input != 1 || seen.channelMeanSquare().length == 0) {
            return null;
        }
        var channels = seen.channelMeanSquare();
        var importance = new float[weight.size()];
        if (node.is("Conv")) {
            int groups = (int) node.intOf("group", 1);
            int outputs = weight.dim(0);
            int perGroup = weight.dim(1);
            int kernel = importance.length / outputs / perGroup;
            if (channels.length != perGroup * groups) {
                return null;
            }
            for (int i = 0; i < importance.length; i++) {
                int output = i / (perGroup * kernel);
                importance[i] = (float) channels[output / (outputs / groups) * perGroup + i / kernel % perGroup];
            }
            return importance;
        }
        boolean transposed = Operators.outputAxis(node) == 0;
        if (!node.is("MatMul", "Gemm") || weight.rank() != 2 || weight.dim(transposed ? 1 : 0) != channels.length) {
            return null;
        }
        int columns = weight.dim(1);
        for (int i = 0; i < importance.length; i++) {
            importance[i] = (float) channels[transposed ? i % columns : i / columns];
        }
        return importance;
    }
}
