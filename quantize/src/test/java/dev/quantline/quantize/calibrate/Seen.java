package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.profile.Histogram;
import dev.quantline.quantize.profile.TensorProfile;
import dev.quantline.quantize.quantizer.Uniform;
import java.util.List;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;

/** Values and their histogram; costs are computed on the values, one by one. */
record Seen(float[] values) {
    static Seen of(float... values) {
        return new Seen(values);
    }

    /** Normally distributed values, some of them outliers. */
    static Seen normal(Random random, int count, double shift, int outliers, double size) {
        var values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (shift + random.nextGaussian() * (i < outliers ? size : 1));
        }
        return new Seen(values);
    }

    Histogram histogram() {
        double least = Double.POSITIVE_INFINITY;
        double largest = Double.NEGATIVE_INFINITY;
        for (float value : values) {
            least = Math.min(least, value);
            largest = Math.max(largest, value);
        }
        var histogram = new Histogram();
        histogram.add(values, values.length, least, largest);
        return histogram;
    }

    TensorProfile profile() {
        return TensorProfile.of("seen", -1, List.of(Tensor.vector(values)));
    }

    double cost(Uniform quantizer, DoubleUnaryOperator cost) {
        double sum = 0;
        for (float value : values) {
            sum += cost.applyAsDouble(value - quantizer.dequantize(quantizer.quantize(value, 0), 0));
        }
        return sum / values.length;
    }

    /** The least cost of any pair of shrunken ends. */
    double least(int bits, DoubleUnaryOperator cost) {
        var histogram = histogram();
        double least = Double.POSITIVE_INFINITY;
        for (int low = 30; low <= 100; low++) {
            for (int high = 30; high <= 100; high++) {
                least = Math.min(
                        least,
                        cost(
                                Uniform.asymmetric(bits, histogram.min() * low / 100, histogram.max() * high / 100),
                                cost));
            }
        }
        return least;
    }
}
