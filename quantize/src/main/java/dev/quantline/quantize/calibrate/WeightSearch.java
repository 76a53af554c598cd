package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.quantizer.Uniform;
import java.util.Comparator;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;

/**
 * Scales of weights: symmetric, per tensor, channel or block. Errors are weighted by the power of the input that they
 * multiply, E[x^2] of its channel (ours: the diagonal of the layer's output error).
 */
final class WeightSearch {
    /** Doubling the scale halves the codes, so that no pair of them exceeds what a single code may reach. */
    private static final double WIDEST = 2;

    private static final int FACTORS = 16;

    private WeightSearch() {}

    /**
     * @param weight     FLOAT constant
     * @param axis       output-channel axis, or {@link Uniform#PER_TENSOR}
     * @param block      0, or the number of inputs that share a scale; the weight then has two axes
     * @param importance weight of each element's error, same size as the constant; null: all count equally
     */
    static Uniform choose(Tensor weight, int bits, int axis, int block, float[] importance, RangeCriterion criterion) {
        var groups = Groups.of(weight, axis, block);
        var values = weight.toFloats();
        var largest = new double[groups.count()];
        IntStream.range(0, largest.length)
                .parallel()
                .forEach(g -> largest[g] = criterion.largest(
                        groups.of(values, g), importance == null ? null : groups.of(importance, g), bits));
        return Uniform.symmetric(bits, block > 0 ? 1 - axis : axis, block, largest);
    }

    /**
     * The grid whose codes keep its pair limit at the least cost (ours): each channel's scale is widened by a factor of 1 to
     * {@value #WIDEST}, and codes that still exceed the limit are cut. This range of factors includes a scale at which the worst pair
     * just fits, and codes of one bit less.
     *
     * @param limited grid with a pair limit, whose scales were chosen without regard to it
     */
    static Uniform limited(Tensor weight, Uniform limited, float[] importance) {
        var values = weight.toFloats();
        var channel = limited.scaleIndex(weight.shape());
        var errors = IntStream.rangeClosed(0, FACTORS)
                .parallel()
                .mapToObj(i -> {
                    var rounded = limited.withScale(widened(limited, c -> factor(i)))
                            .fakeQuantize(weight)
                            .floats();
                    var error = new double[limited.scale().length];
                    for (int k = 0; k < values.length; k++) {
                        double difference = values[k] - rounded.get(k);
                        error[channel[k]] += (importance == null ? 1 : importance[k]) * difference * difference;
                    }
                    return error;
                })
                .toList();
        return limited.withScale(widened(
                limited,
                c -> factor(IntStream.rangeClosed(0, FACTORS)
                        .boxed()
                        .min(Comparator.comparingDouble(i -> errors.get(i)[c]))
                        .orElseThrow())));
    }

    private static double factor(int i) {
        return 1 + (WIDEST - 1) * i / FACTORS;
    }

    private static float[] widened(Uniform grid, IntToDoubleFunction factor) {
        var scale = grid.scale().clone();
        for (int c = 0; c < scale.length; c++) {
            scale[c] *= (float) factor.applyAsDouble(c);
        }
        return scale;
    }

    /** Sum of squared errors divided by the sum of squares, both weighted by importance. */
    static double error(Tensor weight, Uniform quantizer, float[] importance) {
        var values = weight.toFloats();
        var rounded = quantizer.fakeQuantize(weight).floats();
        double noise = 0;
        double power = 0;
        for (int i = 0; i < values.length; i++) {
            double counts = importance == null ? 1 : importance[i];
            double error = values[i] - rounded.get(i);
            noise += counts * error * error;
            power += counts * values[i] * values[i];
        }
        return power == 0 ? 0 : noise / power;
    }

    /** The sets of elements that share a scale. */
    private sealed interface Groups {
        int count();

        float[] of(float[] values, int group);

        static Groups of(Tensor weight, int axis, int block) {
            if (block > 0) {
                return new Blocks(weight.dim(1 - axis), weight.dim(axis), block, axis == 0);
            }
            int channels = axis == Uniform.PER_TENSOR ? 1 : weight.dim(axis);
            int inner = axis == Uniform.PER_TENSOR ? weight.size() : 1;
            for (int i = axis + 1; axis != Uniform.PER_TENSOR && i < weight.rank(); i++) {
                inner *= weight.dim(i);
            }
            return new Channels(channels, inner);
        }
    }

    /** Channels consist of runs of {@code inner} elements. */
    private record Channels(int count, int inner) implements Groups {
        @Override
        public float[] of(float[] values, int c) {
            var channel = new float[values.length / count];
            for (int i = 0, at = c * inner; i < channel.length; i += inner, at += count * inner) {
                System.arraycopy(values, at, channel, i, inner);
            }
            return channel;
        }
    }

    /**
     * Blocks of inputs of a matrix, in the order of their scales, which form a matrix of the same layout with fewer
     * inputs.
     *
     * @param rows whether a row holds the inputs of one output channel; otherwise a column does
     */
    private record Blocks(int inputs, int outputs, int block, boolean rows) implements Groups {
        @Override
        public int count() {
            return Math.ceilDiv(inputs, block) * outputs;
        }

        @Override
        public float[] of(float[] values, int group) {
            int blocks = Math.ceilDiv(inputs, block);
            int output = rows ? group / blocks : group % outputs;
            int first = (rows ? group % blocks : group / outputs) * block;
            var part = new float[Math.min(block, inputs - first)];
            for (int i = 0; i < part.length; i++) {
                part[i] = values[rows ? output * inputs + first + i : (first + i) * outputs + output];
            }
            return part;
        }
    }
}
