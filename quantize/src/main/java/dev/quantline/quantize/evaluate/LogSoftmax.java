package dev.quantline.quantize.evaluate;

import java.nio.FloatBuffer;

/** Logarithms of class probabilities. */
public final class LogSoftmax {
    private LogSoftmax() {}

    /** Of {@code classes} logits from {@code start} on; their exponentials sum to 1. */
    public static double[] of(FloatBuffer logits, int start, int classes) {
        double largest = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < classes; i++) {
            largest = Math.max(largest, logits.get(start + i));
        }
        double sum = 0;
        for (int i = 0; i < classes; i++) {
            sum += Math.exp(logits.get(start + i) - largest);
        }
        double shift = largest + Math.log(sum);
        var logs = new double[classes];
        for (int i = 0; i < classes; i++) {
            logs[i] = logits.get(start + i) - shift;
        }
        return logs;
    }
}
