package dev.quantline.quantize.calibrate;

import dev.quantline.quantize.profile.Histogram;
import dev.quantline.quantize.quantizer.Quantizer;
import dev.quantline.quantize.quantizer.Uniform;

/**
 * Searches for the range with the least cost on a {@link Distribution}. Asymmetric grids: both extremes are shrunk by
 * factors alpha in {0.30, 0.31, .., 1.00}, first on a coarse grid of pairs, since there are many local minima at few bits,
 * then one end at a time until neither moves (coordinate descent). Symmetric grids have one end, shrunk by {0.30, 0.32, ..,
 * 1.00}.
 */
final class RangeSearch {
    private static final int WIDEST = 100;
    private static final int NARROWEST = 30;
    private static final int COARSE = 10;
    private static final int SYMMETRIC = 2;

    private RangeSearch() {}

    /** Cost of the grid {@code (q - z) s}, q from qmin to qmax. */
    interface Cost<D extends Distribution> {
        double of(D seen, double s, int z, int qmin, int qmax);
    }

    static final Cost<Distribution> SQUARED = (seen, s, z, qmin, qmax) -> seen.error(s, z, qmin, qmax, 2);
    static final Cost<Distribution> ABSOLUTE = (seen, s, z, qmin, qmax) -> seen.error(s, z, qmin, qmax, 1);

    /** The asymmetric grid of a tensor. */
    static <D extends Distribution> Uniform asymmetric(D seen, int bits, Cost<? super D> cost) {
        int lowest = seen.min() < 0 ? NARROWEST : WIDEST;
        int low = WIDEST;
        int high = WIDEST;
        double best = Double.POSITIVE_INFINITY;
        for (int i = WIDEST; i >= lowest; i -= COARSE) {
            for (int j = WIDEST; j >= NARROWEST; j -= COARSE) {
                double error = cost(seen, bits, i, j, cost);
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
                double error = cost(seen, bits, low, alpha, cost);
                if (error < best) {
                    best = error;
                    high = alpha;
                }
            }
            for (int alpha = WIDEST; alpha >= lowest; alpha--) {
                double error = cost(seen, bits, alpha, high, cost);
                if (error < best) {
                    best = error;
                    low = alpha;
                }
            }
        }
        return grid(seen, bits, low, high);
    }

    private static <D extends Distribution> double cost(D seen, int bits, int low, int high, Cost<? super D> cost) {
        var grid = grid(seen, bits, low, high);
        return cost.of(seen, grid.scale()[0], grid.zeroPoint()[0], grid.qmin(), grid.qmax());
    }

    private static Uniform grid(Distribution seen, int bits, int low, int high) {
        return Uniform.asymmetric(bits, seen.min() * low / WIDEST, seen.max() * high / WIDEST);
    }

    /** The magnitude that the symmetric grid of a channel or block should reach. */
    static <D extends Distribution> double symmetric(D seen, int bits, Cost<? super D> cost) {
        int qmax = (1 << bits - 1) - 1;
        double max = Math.max(-seen.min(), seen.max());
        double best = Double.POSITIVE_INFINITY;
        double chosen = max;
        for (int alpha = WIDEST; alpha >= NARROWEST && max > 0; alpha -= SYMMETRIC) {
            double error = cost.of(seen, (float) (max * alpha / WIDEST / qmax), 0, -qmax - 1, qmax);
            if (error < best) {
                best = error;
                chosen = max * alpha / WIDEST;
            }
        }
        return chosen;
    }

    /** Signal-to-quantization-noise ratio in decibels for any per-tensor quantizer. */
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
