package dev.quantline.quantize.calibrate;

import dev.quantline.quantize.profile.Histogram;

/**
 * A histogram's bins as points in ascending order, with sums over every prefix. The error of a uniform grid is thus a sum
 * over the codes, not over the bins: all points between two thresholds get the same code, and sums of n, n x and n x^2 give
 * their error.
 */
final class Bins implements Distribution {
    /** Probability that Q assigns to an empty bin. */
    private static final double NOTHING = 1e-9;

    private final long[] counts;
    private final double[] centres;
    /** Sums of n x^k over the first i bins, [k][i]. */
    private final double[][] sums = new double[3][];
    /** Sums of n log n over the first i bins. */
    private final double[] logarithms;
    /** Number of occupied bins among the first i. */
    private final int[] occupied;

    private final double min;
    private final double max;
    private final double width;

    Bins(Histogram histogram) {
        counts = histogram.counts();
        min = histogram.min();
        max = histogram.max();
        width = histogram.width();
        centres = new double[counts.length];
        for (int k = 0; k < sums.length; k++) {
            sums[k] = new double[counts.length + 1];
        }
        logarithms = new double[counts.length + 1];
        occupied = new int[counts.length + 1];
        for (int i = 0; i < counts.length; i++) {
            centres[i] = histogram.centre(i);
            logarithms[i + 1] = logarithms[i] + (counts[i] == 0 ? 0 : counts[i] * Math.log(counts[i]));
            occupied[i + 1] = occupied[i] + (counts[i] == 0 ? 0 : 1);
            double term = counts[i];
            for (int k = 0; k < sums.length; k++, term *= centres[i]) {
                sums[k][i + 1] = sums[k][i] + term;
            }
        }
    }

    @Override
    public double min() {
        return min;
    }

    @Override
    public double max() {
        return max;
    }

    private double total() {
        return sums[0][counts.length];
    }

    /** Number of bins whose centre is at most {@code threshold}. */
    private int upTo(double threshold) {
        return (int) Math.clamp(Math.floor((threshold - centres[0]) / width) + 1, 0, counts.length);
    }

    @Override
    public double error(double s, int z, int qmin, int qmax, int power) {
        boolean fewCodes = qmax - qmin < counts.length / 2;
        return Math.max(0, fewCodes ? overCodes(s, z, qmin, qmax, power) : overBins(s, z, qmin, qmax, power)) / total();
    }

    double overCodes(double s, int z, int qmin, int qmax, int power) {
        double cost = 0;
        int from = 0;
        for (int q = qmin; q <= qmax && from < counts.length; q++) {
            double value = (q - z) * s;
            int to = q == qmax ? counts.length : Math.max(from, upTo(value + s / 2));
            if (to > from && power == 2) {
                cost += between(2, from, to) - 2 * value * between(1, from, to) + value * value * between(0, from, to);
            } else if (to > from) {
                int middle = Math.clamp(upTo(value), from, to);
                cost += value * between(0, from, middle)
                        - between(1, from, middle)
                        + between(1, middle, to)
                        - value * between(0, middle, to);
            }
            from = to;
        }
        return cost;
    }

    private double between(int k, int from, int to) {
        return sums[k][to] - sums[k][from];
    }

    double overBins(double s, int z, int qmin, int qmax, int power) {
        double cost = 0;
        for (int i = 0; i < counts.length; i++) {
            if (counts[i] > 0) {
                double q = Math.clamp(Math.rint(centres[i] / s) + z, qmin, qmax);
                double error = centres[i] - (q - z) * s;
                cost += counts[i] * (power == 2 ? error * error : Math.abs(error));
            }
        }
        return cost;
    }

    /**
     * KL(P || Q) where P is the observed distribution with everything outside the range moved to its ends, and Q spreads
     * the counts of each code evenly over the occupied bins that map to it. Q is constant within a code, so the
     * contribution of its bins is a difference of two prefix sums; only the two end bins need separate treatment.
     */
    double divergence(double s, int z, int qmin, int qmax) {
        int lowest = Math.clamp(upTo((qmin - z) * s - width / 2), 0, counts.length - 1);
        int highest = Math.clamp(upTo((qmax - z) * s + width / 2) - 1, lowest, counts.length - 1);
        double kept = between(0, lowest, highest + 1);
        double divergence = 0;
        double atLowest = 0;
        double atHighest = 0;
        int from = lowest;
        for (int q = (int) Math.clamp(Math.rint(centres[lowest] / s) + z, qmin, qmax);
                q <= qmax && from <= highest;
                q++) {
            int to = q == qmax ? highest + 1 : Math.clamp(upTo((q - z) * s + s / 2), from, highest + 1);
            double inCode = between(0, from, to);
            if (inCode > 0) {
                double each = inCode / (occupied[to] - occupied[from]) / kept;
                divergence += logarithms[to] - logarithms[from] - inCode * Math.log(each * total());
                atLowest = from == lowest ? each : atLowest;
                atHighest = each;
            }
            from = to;
        }
        divergence +=
                moved(lowest, sums[0][lowest] + (lowest == highest ? total() - sums[0][highest + 1] : 0), atLowest);
        divergence += lowest == highest ? 0 : moved(highest, total() - sums[0][highest + 1], atHighest);
        return divergence / total();
    }

    /** The increase of a bin's contribution to the divergence when {@code more} values are moved into it. */
    private double moved(int bin, double more, double each) {
        double all = counts[bin] + more;
        if (more == 0) {
            return 0;
        }
        double seen = counts[bin] == 0 ? 0 : counts[bin] * Math.log(counts[bin] / total() / each);
        return all * Math.log(all / total() / (counts[bin] == 0 ? NOTHING : each)) - seen;
    }
}
