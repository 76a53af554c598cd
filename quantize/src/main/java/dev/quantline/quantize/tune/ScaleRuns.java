package dev.quantline.quantize.tune;

import java.util.Arrays;

/**
 * The elements of a weight in runs: all elements of a run share one scale, or their scales follow one another. So loops over
 * elements read their scales from arrays in order, which compilers turn into vector instructions.
 */
final class ScaleRuns {
    /** Elements of a run at most: what is computed of one stays in the cache. */
    static final int LONGEST = 2048;

    /** Where runs begin, and the end. */
    private final int[] from;
    /** The scale that the first element of a run has. */
    private final int[] scale;

    private final boolean[] shared;

    private ScaleRuns(int[] from, int[] scale, boolean[] shared) {
        this.from = from;
        this.scale = scale;
        this.shared = shared;
    }

    /** @param index which scale each element has */
    static ScaleRuns of(int[] index) {
        var from = new int[index.length + 1];
        var shared = new boolean[index.length];
        int runs = 0;
        for (int at = 0; at < index.length; runs++) {
            shared[runs] = at + 1 < index.length && index[at + 1] == index[at];
            int step = shared[runs] ? 0 : 1;
            int end = at + 1;
            while (end < index.length && end - at < LONGEST && index[end] == index[end - 1] + step) {
                end++;
            }
            at = end;
            from[runs + 1] = end;
        }
        var begins = Arrays.copyOf(from, runs + 1);
        return new ScaleRuns(
                begins, Arrays.stream(begins, 0, runs).map(at -> index[at]).toArray(), Arrays.copyOf(shared, runs));
    }

    int count() {
        return scale.length;
    }

    /** The first element of a run. */
    int from(int run) {
        return from[run];
    }

    int size(int run) {
        return from[run + 1] - from[run];
    }

    /** The scale that an element of a run has. */
    int scale(int run, int element) {
        return shared[run] ? scale[run] : scale[run] + element;
    }

    /** Gives every element of a run the value that its scale has among {@code values}. */
    void spread(int run, float[] values, float[] elements) {
        if (shared[run]) {
            Arrays.fill(elements, 0, size(run), values[scale[run]]);
        } else {
            System.arraycopy(values, scale[run], elements, 0, size(run));
        }
    }

    /** Adds a term of every element of a run to the sum of its scale. */
    void add(int run, float[] elements, double[] sums) {
        int size = size(run);
        int first = scale[run];
        if (shared[run]) {
            double sum = 0;
            for (int i = 0; i < size; i++) {
                sum += elements[i];
            }
            sums[first] += sum;
        } else {
            for (int i = 0; i < size; i++) {
                sums[first + i] += elements[i];
            }
        }
    }
}
