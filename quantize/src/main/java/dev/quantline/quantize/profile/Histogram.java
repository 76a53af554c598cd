package dev.quantline.quantize.profile;

/**
 * A histogram that follows the range of its data in bounded memory. Bins are the intervals {@code [i w, (i+1) w)} with w
 * the smallest power of two for which {@value #BINS} of them cover all values seen; when the range grows, pairs of bins
 * are merged. The grid depends only on the extremes, so merging histograms of parts gives exactly the histogram of the
 * whole, in any order.
 */
public final class Histogram {
    /** Number of bins; the values seen span more than half of them unless they are all equal. */
    public static final int BINS = 4096;

    private double min = Double.POSITIVE_INFINITY;
    private double max = Double.NEGATIVE_INFINITY;
    private int exponent;
    private long first;
    private long[] counts = new long[BINS];

    /** An empty histogram. */
    public Histogram() {}

    /**
     * Restores a histogram.
     *
     * @param min    smallest value seen
     * @param max    largest value seen
     * @param counts as returned by {@link #counts}
     */
    public Histogram(double min, double max, long[] counts) {
        if (min <= max) {
            cover(min, max);
        }
        System.arraycopy(counts, 0, this.counts, 0, counts.length);
    }

    /**
     * Adds values.
     *
     * @param count   how many of them to add
     * @param least   the smallest of those
     * @param largest the largest of those; both finite
     */
    public void add(float[] values, int count, double least, double largest) {
        cover(least, largest);
        double scale = Math.scalb(1.0, -exponent);
        long offset = first;
        var bins = counts;
        for (int i = 0; i < count; i++) {
            bins[(int) ((long) Math.floor(values[i] * scale) - offset)]++;
        }
    }

    /** Adds everything another histogram has seen. */
    public void add(Histogram other) {
        if (other.min > other.max) {
            return;
        }
        cover(other.min, other.max);
        add(other.counts, other.first, other.exponent);
    }

    private void add(long[] others, long othersFirst, int othersExponent) {
        int shift = Math.min(exponent - othersExponent, Long.SIZE - 1);
        for (int i = 0; i < others.length; i++) {
            if (others[i] > 0) {
                counts[(int) ((othersFirst + i >> shift) - first)] += others[i];
            }
        }
    }

    private void cover(double least, double largest) {
        if (least >= min && largest <= max) {
            return;
        }
        var old = counts;
        long oldFirst = first;
        int oldExponent = exponent;
        boolean empty = min > max;
        min = Math.min(min, least);
        max = Math.max(max, largest);
        exponent = Math.getExponent(Math.max(Math.abs(min), Math.abs(max))) - 50;
        while (bin(max) - bin(min) >= BINS) {
            exponent++;
        }
        first = bin(min);
        counts = new long[BINS];
        if (!empty) {
            add(old, oldFirst, oldExponent);
        }
    }

    private long bin(double x) {
        return (long) Math.floor(Math.scalb(x, -exponent));
    }

    /** Smallest value seen; positive infinity if empty. */
    public double min() {
        return min;
    }

    /** Largest value seen; negative infinity if empty. */
    public double max() {
        return max;
    }

    /** Width of a bin. */
    public double width() {
        return Math.scalb(1.0, exponent);
    }

    /** Centre of bin {@code i}. */
    public double centre(int i) {
        return Math.scalb(first + i + 0.5, exponent);
    }

    /** Number of values in each bin. */
    public long[] counts() {
        return counts.clone();
    }

    /** Number of values seen. */
    public long total() {
        long sum = 0;
        for (long count : counts) {
            sum += count;
        }
        return sum;
    }

    /** The value below which this share of the values lies, to within half a bin and never outside the extremes. */
    public double quantile(double share) {
        double rank = share * total();
        long seen = 0;
        for (int i = 0; i < BINS; i++) {
            seen += counts[i];
            if (counts[i] > 0 && seen >= rank) {
                return Math.clamp(centre(i), min, max);
            }
        }
        return max;
    }
}
