package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Targets;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

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
    private final Counts counts = new Counts();
    private int samples;
    private int exact;

    /** @param named the output; the first float output if empty */
    Classes(Figure figure, Optional<String> named, Targets targets) {
        this.figure = figure;
        this.named = named;
        this.targets = targets;
    }

    @Override
    public double[] measure(Dataset.Batch fed, Map<String, Tensor> outputs) {
        var rows = targets.of(fed);
        var output = outputs.get(output(outputs));
        var found = output.type().isFloating() ? largest(output) : output.toLongs();
        var wanted = (rows.size() == found.length ? rows : targets.trimmed(rows, fed)).toLongs();
        if (found.length != wanted.length) {
            throw new BadInput("output '" + output(outputs) + "' is " + output + ", which gives " + found.length
                    + " classes, but the data has " + wanted.length + " for " + fed.size()
                    + " samples: name another output with evaluation.output");
        }
        var measured = new Counts();
        int right = 0;
        for (int i = 0; i < fed.size(); i++) {
            int each = wanted.length / fed.size();
            boolean all = true;
            for (int k = i * each; k < (i + 1) * each; k++) {
                all &= wanted[k] < 0 || wanted[k] == found[k];
                if (wanted[k] >= 0) {
                    measured.add(wanted[k], found[k]);
                }
            }
            right += all ? 1 : 0;
        }
        return DoubleStream.concat(DoubleStream.of(fed.size(), right), measured.stream())
                .toArray();
    }

    /** @param measured the number of samples, how many are exact, and what {@link Counts#stream} gives */
    @Override
    public void count(double[] measured) {
        samples += (int) measured[0];
        exact += (int) measured[1];
        for (int at = 2; at < measured.length; at += Counts.COLUMNS) {
            counts.add((int) measured[at], (long) measured[at + 1], (long) measured[at + 2], (long) measured[at + 3]);
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

    /** For each class, how often it is right, how often it is predicted, and how often both at once. */
    private static final class Counts {
        /** Of what {@link #stream} gives. */
        static final int COLUMNS = 4;

        private long[] right = new long[0];
        private long[] predicted = new long[0];
        private long[] both = new long[0];

        /** @param found below 0 for no class */
        void add(long wanted, long found) {
            add(Math.toIntExact(wanted), 1, 0, wanted == found ? 1 : 0);
            if (found >= 0) {
                add(Math.toIntExact(found), 0, 1, 0);
            }
        }

        void add(int label, long moreRight, long morePredicted, long moreBoth) {
            if (label >= right.length) {
                right = Arrays.copyOf(right, label + 1);
                predicted = Arrays.copyOf(predicted, label + 1);
                both = Arrays.copyOf(both, label + 1);
            }
            right[label] += moreRight;
            predicted[label] += morePredicted;
            both[label] += moreBoth;
        }

        /** The classes that occur: each one's label and counts. */
        DoubleStream stream() {
            return IntStream.range(0, right.length)
                    .filter(label -> right[label] + predicted[label] > 0)
                    .boxed()
                    .flatMapToDouble(label -> DoubleStream.of(label, right[label], predicted[label], both[label]));
        }

        /** Harmonic mean of precision and recall, averaged over the classes that occur; 0 if there are none. */
        double macroF1() {
            return IntStream.range(0, right.length)
                    .filter(label -> right[label] + predicted[label] > 0)
                    .mapToDouble(label -> 2.0 * both[label] / (right[label] + predicted[label]))
                    .average()
                    .orElse(0);
        }
    }

    @Override
    public String output(Map<String, Tensor> outputs) {
        return Metric.output(outputs, named);
    }

    @Override
    public double value() {
        return figure == Figure.EXACT_MATCH ? (double) exact / samples : counts.macroF1();
    }

    @Override
    public void close() {
        targets.close();
    }
}
