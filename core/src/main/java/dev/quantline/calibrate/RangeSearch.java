package dev.quantline.calibrate;

import dev.quantline.profile.Histogram;
import dev.quantline.quantizer.Quantizer;
import dev.quantline.quantizer.Uniform;
import java.util.function.DoubleUnaryOperator;

/**
 * Searches the range with the least cost: both ends of the extremes are shrunk by alpha in {0.30, 0.31, .., 1.00}, first on
 * a coarse grid of pairs, since at few bits there are many local minima, then one end at a time until neither moves
 * (coordinate descent). A candidate costs one pass over the histogram, whatever was seen.
 */
final class RangeSearch {
    private static final int WIDEST = 100;
    private static final int NARROWEST = 30;
    private static final int COARSE = 10;

    private RangeSearch() {
    }

    /** What a quantizer costs on what a histogram saw. */
    interface Cost {
        double of(Bins seen, Uniform quantizer);
    }

    /** A histogram's counts, taken once. */
    record Bins(Histogram histogram, long[] counts) {
    }

    static Uniform shrink(Histogram histogram, int bits, Cost cost) {
        var seen = new Bins(histogram, histogram.counts());
        int lowest = histogram.min() < 0 ? NARROWEST : WIDEST;
        int low = WIDEST;
        int high = WIDEST;
        double best = Double.POSITIVE_INFINITY;
        for (int i = WIDEST; i >= lowest; i -= COARSE) {
            for (int j = WIDEST; j >= NARROWEST; j -= COARSE) {
                double error = cost.of(seen, quantizer(histogram, bits, i, j));
                if (error < best) {
                    best = error;
                    low = i;
                    high = j;
                }
            }
        }
        for (double before = Double.POSITIVE_INFINITY; best < before; ) {
            before = best;
            for (int alpha = WIDEST; alpha >= NARROWEST; alpha--) {
                double error = cost.of(seen, quantizer(histogram, bits, low, alpha));
                if (error < best) {
                    best = error;
                    high = alpha;
                }
            }
            for (int alpha = WIDEST; alpha >= lowest; alpha--) {
                double error = cost.of(seen, quantizer(histogram, bits, alpha, high));
                if (error < best) {
                    best = error;
                    low = alpha;
                }
            }
        }
        return quantizer(histogram, bits, low, high);
    }

    private static Uniform quantizer(Histogram histogram, int bits, int low, int high) {
        return Uniform.asymmetric(bits, histogram.min() * low / 100.0, histogram.max() * high / 100.0);
    }

    static double squaredError(Bins seen, Uniform quantizer) {
        return mean(seen, quantizer, error -> error * error);
    }

    static double absoluteError(Bins seen, Uniform quantizer) {
        return mean(seen, quantizer, Math::abs);
    }

    private static double mean(Bins seen, Uniform quantizer, DoubleUnaryOperator cost) {
        double sum = 0;
        long total = 0;
        double s = quantizer.scale()[0];
        int z = quantizer.zeroPoint()[0];
        int qmax = quantizer.qmax();
        double width = seen.histogram.width();
        double x = seen.histogram.centre(0);
        for (long count : seen.counts) {
            if (count > 0) {
                double q = Math.clamp(Math.rint(x / s) + z, 0, qmax);
                sum += count * cost.applyAsDouble(x - (q - z) * s);
                total += count;
            }
            x += width;
        }
        return sum / total;
    }

    /**
     * KL(P || Q) where P is the seen distribution with everything outside the range moved to its ends, and Q spreads the
     * counts of each code evenly over the occupied bins that fall on it.
     */
    static double divergence(Bins seen, Uniform quantizer) {
        var counts = seen.counts;
        int codes = quantizer.qmax() + 1;
        var clipped = new double[counts.length];
        var code = new int[counts.length];
        var inCode = new double[codes];
        var occupied = new int[codes];
        double total = 0;
        int lowest = bin(seen.histogram, quantizer.lowest(0));
        int highest = bin(seen.histogram, quantizer.highest(0));
        for (int i = 0; i < counts.length; i++) {
            clipped[Math.clamp(i, lowest, highest)] += counts[i];
            if (i >= lowest && i <= highest && counts[i] > 0) {
                code[i] = quantizer.quantize((float) seen.histogram.centre(i), 0);
                inCode[code[i]] += counts[i];
                occupied[code[i]]++;
            }
            total += counts[i];
        }
        double kept = 0;
        for (double count : inCode) {
            kept += count;
        }
        double divergence = 0;
        for (int i = lowest; i <= highest; i++) {
            if (clipped[i] > 0) {
                double p = clipped[i] / total;
                double q = counts[i] == 0 ? 1e-9 : inCode[code[i]] / occupied[code[i]] / kept;
                divergence += p * Math.log(p / q);
            }
        }
        return divergence;
    }

    private static int bin(Histogram histogram, float x) {
        return (int) Math.clamp(Math.floor((x - histogram.centre(0)) / histogram.width() + 0.5), 0, Histogram.BINS - 1);
    }

    /** Signal power over error power in decibels for any quantizer of a whole tensor. */
    static double sqnrDb(Histogram histogram, Quantizer quantizer) {
        double signal = 0;
        double noise = 0;
        var counts = histogram.counts();
        for (int i = 0; i < counts.length; i++) {
            double x = histogram.centre(i);
            double error = counts[i] == 0 ? 0 : x - quantizer.dequantize(quantizer.quantize((float) x, 0), 0);
            signal += counts[i] * x * x;
            noise += counts[i] * error * error;
        }
        return noise == 0 ? 200 : 10 * Math.log10(signal / noise);
    }
}
