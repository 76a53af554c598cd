package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Session;
import java.util.Arrays;
import java.util.Map;

/** Measures the duration of single runs of a model. */
public final class Latency {
    private static final int WARM_UP = 5;
    private static final int RUNS = 31;
    private static final long LONGEST = 3_000_000_000L;

    private Latency() {}

    /**
     * Medians of two models on the same input, run alternately so that a noisy machine affects both alike.
     *
     * @return milliseconds of the first and of the second
     */
    public static double[] compare(Session first, Session second, Map<String, Tensor> input) {
        var milliseconds = new double[2][RUNS];
        int runs = 0;
        long start = System.nanoTime();
        for (int i = -WARM_UP; i < RUNS && (i < 3 || System.nanoTime() - start < LONGEST); i++) {
            double one = time(first, input);
            double two = time(second, input);
            if (i >= 0) {
                milliseconds[0][i] = one;
                milliseconds[1][i] = two;
                runs = i + 1;
            }
        }
        return new double[] {median(milliseconds[0], runs), median(milliseconds[1], runs)};
    }

    private static double time(Session session, Map<String, Tensor> input) {
        long start = System.nanoTime();
        session.run(input);
        return (System.nanoTime() - start) / 1e6;
    }

    private static double median(double[] values, int count) {
        var sorted = Arrays.copyOf(values, count);
        Arrays.sort(sorted);
        return sorted[count / 2];
    }
}
