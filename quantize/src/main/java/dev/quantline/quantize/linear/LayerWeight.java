package dev.quantline.quantize.linear;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import dev.quantline.onnx.Tensor;
import java.util.Arrays;
import java.util.Optional;

/**
 * The constant weight of a MatMul, Gemm or Conv as a matrix with one row per output channel, which multiplies rows of tokens or
 * patches of pixels.
 *
 * @param tensor  FLOAT, as the model stores it
 * @param outputs number of output channels
 * @param inputs  inputs of each output channel; for a convolution, channels of its group times kernel positions
 * @param groups  groups of a convolution; otherwise 1
 * @param kernel  sizes of a convolution's kernel; otherwise empty
 * @param columns whether it is stored {@code [inputs, outputs]}
 */
public record LayerWeight(Tensor tensor, int outputs, int inputs, int groups, long[] kernel, boolean columns) {
    /** Empty if the node is something else, or its second input is not a constant weight. */
    public static Optional<LayerWeight> of(Graph model, Node node) {
        var weight = Operators.LAYERS.has(node) ? model.initializers().get(node.input(1)) : null;
        if (weight == null || !node.is("Conv") && (weight.rank() != 2 || node.intOf("transA", 0) == 1)) {
            return Optional.empty();
        }
        boolean columns = Operators.outputAxis(node) == 1;
        int outputs = weight.dim(columns ? 1 : 0);
        var kernel = node.is("Conv") ? Arrays.copyOfRange(weight.shape(), 2, weight.rank()) : new long[0];
        return Optional.of(new LayerWeight(
                weight, outputs, weight.size() / outputs, (int) node.intOf("group", 1), kernel, columns));
    }

    /** The same layer with other values. */
    public LayerWeight with(Tensor values) {
        return new LayerWeight(values, outputs, inputs, groups, kernel, columns);
    }

    /** The index at which the weight of an output and an input is stored. */
    public int at(int output, int input) {
        return columns ? input * outputs + output : output * inputs + input;
    }

    /** Values {@code [outputs, inputs]} of a tensor of the weight's shape. */
    public float[] rows(Tensor values) {
        var stored = values.floats();
        var rows = new float[stored.limit()];
        for (int o = 0; o < outputs; o++) {
            for (int i = 0; i < inputs; i++) {
                rows[o * inputs + i] = stored.get(at(o, i));
            }
        }
        return rows;
    }

    /** The output-channel axis of the weight. */
    public int axis() {
        return columns ? 1 : 0;
    }
}
