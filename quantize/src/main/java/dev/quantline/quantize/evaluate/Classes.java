package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Targets;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;

/**
 * Predicted classes compared with the true ones, one per sample or per position in it (word, pixel): for scores
 * {@code [samples, ..., classes]} the largest along the last axis, for integers the values themselves. True classes below 0, such as
 * those of padding, are ignored.
 */
final class Classes implements OneOutput {
    /** The figure to compute. */
    enum Figure {
        /** Harmonic mean of precision and recall per class, averaged over the classes that occur among the true or predicted ones. */
        MACRO_F1,
        /** Share of samples in which every position is right. */
        EXACT_MATCH
    }

    private final Figure figure;
    private final Optional<String> named;
    private final Targets targets;
    private long[] both = new long[0];
    private long[] predicted = new long[0];
    private long[] right = new long[0];
    private int samples;
    private int exact;

    /** @param named the output; the first float output if empty */
    Classes(Figure figure, Optional<String> named, Targets targets) {
        this.figure = figure;
        this.named = named;
        this.targets = targets;
    }

    @Override
    public void add(Dataset.Batch fed, Map<String, Tensor> outputs) {
        var rows = targets.next(fed.size());
        var output = outputs.get(output(outputs));
        var found = output.type().isFloating() ? largest(output) : output.toLongs();
        var wanted = (rows.size() == found.length ? rows : targets.trimmed(rows, fed)).toLongs();
        if (found.length != wanted.length) {
            throw new BadInput("output '" + output(outputs) + "' is " + output + ", which gives " + found.length
                    + " classes, but the data has " + wanted.length + " for " + fed.size()
                    + " samples: name another output with evaluation.output");
        }
        for (int i = 0; i < fed.size(); i++) {
            int each = wanted.length / fed.size();
            boolean all = true;
            for (int k = i * each; k < (i + 1) * each; k++) {
                all &= wanted[k] < 0 || wanted[k] == found[k];
                if (wanted[k] >= 0) {
                    count(wanted[k], found[k]);
                }
            }
            exact += all ? 1 : 0;
            samples++;
        }
    }

    private static long[] largest(Tensor scores) {
        int classes = scores.rank() == 0 ? 1 : scores.dim(-1);
        var values = scores.toFloats();
        var found = new long[values.length / Math.max(1, classes)];
        for (int i = 0; i < found.length; i++) {
            int best = largest(values, i * classes, classes);
            // NaN is not a class.
            found[i] = Float.isNaN(values[i * classes + best]) ? -1 : best;
        }
        return found;
    }

    /** Index of the largest of {@code count} values from {@code from} on, the first one of ties. */
    static int largest(float[] values, int from, int count) {
        int best = 0;
        for (int i = 1; i < count; i++) {
            best = values[from + i] > values[from + best] ? i : best;
        }
        return best;
    }

    private void count(long wanted, long found) {
        int size = Math.toIntExact(Math.max(wanted, found)) + 1;
        if (size > right.length) {
            both = Arrays.copyOf(both, size);
            predicted = Arrays.copyOf(predicted, size);
            right = Arrays.copyOf(right, size);
        }
        right[(int) wanted]++;
        if (found >= 0) {
            predicted[(int) found]++;
        }
        both[(int) wanted] += wanted == found ? 1 : 0;
    }

    @Override
    public String output(Map<String, Tensor> outputs) {
        return Metric.output(outputs, named);
    }

    @Override
    public double value() {
        if (figure == Figure.EXACT_MATCH) {
            return (double) exact / samples;
        }
        double sum = 0;
        int classes = 0;
        for (int c = 0; c < right.length; c++) {
            if (right[c] + predicted[c] > 0) {
                sum += 2.0 * both[c] / (right[c] + predicted[c]);
                classes++;
            }
        }
        return classes == 0 ? 0 : sum / classes;
    }

    @Override
    public void close() {
        targets.close();
    }
}
