package dev.quantline.quantize.tune;

import java.util.Arrays;

/**
 * The elements of a weight in runs whose elements all share one scale or have consecutive scales. Loops over elements
 * therefore read scales from arrays in order, which compilers turn into vector instructions.
 */
final class ScaleRuns {
    /** Largest number of elements in a run: intermediate results of one run stay in the cache. */
    static final int LONGEST = 2048;

    /** Where runs begin, followed by the end of the last. */
    private final int[] from;
    /** The scale of each run's first element. */
    private final int[] scale;

    private final boolean[] shared;

    private ScaleRuns(int[] from, int[] scale, boolean[] shared) {
        this.from = from;
        this.scale = scale;
        this.shared = shared;
    }

    /** @param index the scale of each element */
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

    /** The scale of an element of a run. */
    int scale(int run, int element) {
        return shared[run] ? scale[run] : scale[run] + element;
    }

    /** Sets every element of a run to the entry of {@code values} for its scale. */
    void spread(int run, float[] values, float[] elements) {
        if (shared[run]) {
            Arrays.fill(elements, 0, size(run), values[scale[run]]);
        } else {
            System.arraycopy(values, scale[run], elements, 0, size(run));
        }
    }

    /** Adds one term per element of a run to the sum of the element's scale. */
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
