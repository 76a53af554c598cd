package dev.quantline.calibrate;

import dev.quantline.profile.Histogram;
import dev.quantline.quantizer.Uniform;
import java.util.function.DoubleUnaryOperator;

/**
 * Searches the range with the least mean cost of {@code x - x^}: both ends of the extremes are shrunk by alpha in
 * {0.30, 0.31, .., 1.00}, one end at a time until neither moves (coordinate descent).
 */
final class RangeSearch {
    private static final int WIDEST = 100;
    private static final int NARROWEST = 30;
    private static final int ROUNDS = 4;

    private RangeSearch() {
    }

    static Uniform shrink(Histogram histogram, int bits, DoubleUnaryOperator cost) {
        var counts = histogram.counts();
        int low = WIDEST;
        int high = WIDEST;
        double best = Double.POSITIVE_INFINITY;
        for (int round = 0; round < ROUNDS; round++) {
            double before = best;
            for (int alpha = WIDEST; alpha >= NARROWEST; alpha--) {
                double error = error(counts, histogram, quantizer(histogram, bits, low, alpha), cost);
                if (error < best) {
                    best = error;
                    high = alpha;
                }
            }
            for (int alpha = WIDEST; histogram.min() < 0 && alpha >= NARROWEST; alpha--) {
                double error = error(counts, histogram, quantizer(histogram, bits, alpha, high), cost);
                if (error < best) {
                    best = error;
                    low = alpha;
                }
            }
            if (best == before) {
                break;
            }
        }
        return quantizer(histogram, bits, low, high);
    }

    private static Uniform quantizer(Histogram histogram, int bits, int low, int high) {
        return Uniform.asymmetric(bits, histogram.min() * low / 100.0, histogram.max() * high / 100.0);
    }

    static double error(long[] counts, Histogram histogram, Uniform quantizer, DoubleUnaryOperator cost) {
        double sum = 0;
        long total = 0;
        double s = quantizer.scale()[0];
        int z = quantizer.zeroPoint()[0];
        int qmin = quantizer.qmin();
        int qmax = quantizer.qmax();
        double width = histogram.width();
        double x = histogram.centre(0);
        for (long count : counts) {
            if (count > 0) {
                double q = Math.clamp(Math.rint(x / s) + z, qmin, qmax);
                sum += count * cost.applyAsDouble(x - (q - z) * s);
                total += count;
            }
            x += width;
        }
        return sum / total;
    }
}
