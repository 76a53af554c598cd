package dev.quantline.quantize.profile;

import java.util.Arrays;

/** Extremes and sums of each channel of one activation, in one pass. */
final class ChannelSums {
    final float[] min;
    final float[] max;
    final double[] sums;
    final double[] squares;

    ChannelSums(int channels) {
        min = new float[channels];
        max = new float[channels];
        sums = new double[channels];
        squares = new double[channels];
        Arrays.fill(min, Float.POSITIVE_INFINITY);
        Arrays.fill(max, Float.NEGATIVE_INFINITY);
    }

    ChannelSums(float[] min, float[] max, double[] sums, double[] squares) {
        this.min = min;
        this.max = max;
        this.sums = sums;
        this.squares = squares;
    }

    /**
     * Adds values laid out as {@code [outer, channels, inner]}. A NaN makes {@code squares} NaN.
     *
     * @param count how many of the values to add
     * @param inner number of elements between adjacent channels
     */
    void add(float[] values, int count, int inner) {
        if (inner == 1) {
            addExtremes(values, count);
            addMoments(values, count);
            return;
        }
        int c = 0;
        for (int start = 0; start < count; start += inner) {
            float least = min[c];
            float largest = max[c];
            double total = 0;
            double square = 0;
            for (int i = start; i < start + inner; i++) {
                float x = values[i];
                least = Math.min(least, x);
                largest = Math.max(largest, x);
                total += x;
                square += (double) x * x;
            }
            min[c] = least;
            max[c] = largest;
            sums[c] += total;
            squares[c] += square;
            c = c + 1 == min.length ? 0 : c + 1;
        }
    }

    // Channels last. The compiler vectorizes these two loops well in separate methods: 1.1 ns per value for both, where
    // one method with both loops took 2.1.

    private void addExtremes(float[] values, int count) {
        int channels = min.length;
        for (int start = 0; start < count; start += channels) {
            for (int c = 0; c < channels; c++) {
                min[c] = Math.min(min[c], values[start + c]);
                max[c] = Math.max(max[c], values[start + c]);
            }
        }
    }

    private void addMoments(float[] values, int count) {
        int channels = sums.length;
        for (int start = 0; start < count; start += channels) {
            for (int c = 0; c < channels; c++) {
                double x = values[start + c];
                sums[c] += x;
                squares[c] += x * x;
            }
        }
    }

    static double total(double[] ofChannels) {
        double total = 0;
        for (double channel : ofChannels) {
            total += channel;
        }
        return total;
    }

    double least() {
        float least = Float.POSITIVE_INFINITY;
        for (float value : min) {
            least = Math.min(least, value);
        }
        return least;
    }

    double largest() {
        float largest = Float.NEGATIVE_INFINITY;
        for (float value : max) {
            largest = Math.max(largest, value);
        }
        return largest;
    }
}
