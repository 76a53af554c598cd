package dev.quantline.quantize.linear;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import dev.quantline.onnx.Tensor;
import java.util.Arrays;
import java.util.Optional;

/**
 * The constant weight of a MatMul, Gemm or Conv as a matrix with one row an output channel: what it multiplies rows of tokens or
 * patches of pixels by.
 *
 * @param tensor  FLOAT, as the model stores it
 * @param outputs output channels
 * @param inputs  inputs of one of them; of a convolution channels of its group times kernel places
 * @param groups  groups of a convolution; 1 else
 * @param kernel  sizes of a convolution's kernel; empty else
 * @param columns whether it is stored {@code [inputs, outputs]}
 */
public record LayerWeight(Tensor tensor, int outputs, int inputs, int groups, long[] kernel, boolean columns) {
    /** Empty where a node is something else, or its weight no constant it reads second. */
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

    /** Where the weight of an output and an input is stored. */
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

    /** The weight's axis of output channels. */
    public int axis() {
        return columns ? 1 : 0;
    }
}
