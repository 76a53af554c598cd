package dev.quantline.calibrate;

import dev.quantline.onnx.Tensor;
import dev.quantline.quantizer.Uniform;
import java.util.stream.IntStream;

/**
 * Scales of weights: symmetric, one a channel, the largest magnitude shrunk by alpha in {0.30, 0.32, .., 1.00} to the
 * least error. Errors count by how much the input they meet carries, E[x^2] of its channel (ours: the diagonal of the
 * layer's output error).
 */
final class WeightSearch {
    private static final int WIDEST = 50;
    private static final int NARROWEST = 15;

    private WeightSearch() {
    }

    /**
     * @param weight     FLOAT constant
     * @param axis       output-channel axis, or {@link Uniform#PER_TENSOR}
     * @param importance weight of each element's error, same size as the constant; null: all count alike
     * @param power      2 for squared, 1 for absolute errors; 0 takes the largest magnitude unshrunk
     */
    static Uniform choose(Tensor weight, int bits, int axis, float[] importance, int power) {
        var values = weight.toFloats();
        int channels = axis == Uniform.PER_TENSOR ? 1 : weight.dim(axis);
        int inner = 1;
        for (int i = axis + 1; axis != Uniform.PER_TENSOR && i < weight.rank(); i++) {
            inner *= weight.dim(i);
        }
        int step = axis == Uniform.PER_TENSOR ? values.length : inner;
        var largest = new double[channels];
        IntStream.range(0, channels).parallel().forEach(c -> {
            var channel = channel(values, c, channels, step);
            double max = 0;
            for (float value : channel) {
                max = Math.max(max, Math.abs(value));
            }
            largest[c] = power == 0 ? max : shrink(channel,
                importance == null ? null : channel(importance, c, channels, step), max, bits, power);
        });
        return Uniform.symmetric(bits, axis, largest);
    }

    private static float[] channel(float[] values, int c, int channels, int step) {
        var channel = new float[values.length / channels];
        for (int i = 0, at = c * step; i < channel.length; i += step, at += channels * step) {
            System.arraycopy(values, at, channel, i, step);
        }
        return channel;
    }

    private static double shrink(float[] values, float[] importance, double max, int bits, int power) {
        int qmax = (1 << bits - 1) - 1;
        double best = Double.POSITIVE_INFINITY;
        double chosen = max;
        for (int alpha = WIDEST; alpha >= NARROWEST && max > 0; alpha--) {
            float s = (float) (max * alpha / WIDEST / qmax);
            float inverse = 1 / s;
            double error = 0;
            for (int i = 0; i < values.length; i++) {
                float q = Math.clamp((float) Math.rint(values[i] * inverse), -qmax - 1, qmax);
                float difference = values[i] - q * s;
                float cost = power == 2 ? difference * difference : Math.abs(difference);
                error += importance == null ? cost : cost * importance[i];
            }
            if (error < best) {
                best = error;
                chosen = max * alpha / WIDEST;
            }
        }
        return chosen;
    }
}
