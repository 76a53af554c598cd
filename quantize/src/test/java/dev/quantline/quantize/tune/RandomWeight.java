package dev.quantline.quantize.tune;

import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.linear.LayerWeight;
import java.util.Random;

/** Weights of layers, drawn from a normal distribution. */
final class RandomWeight {
    private RandomWeight() {}

    /** @param columns whether it is stored {@code [inputs, outputs]} */
    static LayerWeight of(int outputs, int inputs, int groups, boolean columns, Random random) {
        var values = new float[outputs * inputs];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        var tensor = columns ? Tensor.of(values, inputs, outputs) : Tensor.of(values, outputs, inputs);
        return new LayerWeight(tensor, outputs, inputs, groups, new long[0], columns);
    }
}
