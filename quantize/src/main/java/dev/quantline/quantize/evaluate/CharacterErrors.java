package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Targets;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;

/**
 * Character error rate of CTC outputs {@code [samples, time, characters]}, decoded greedily: the most probable character of each step,
 * with repetitions merged and blanks removed (Graves et al., ICML 2006). The rate is the number of insertions, deletions and
 * substitutions, divided by the number of characters in the true texts {@code [samples, length]}, which are padded with negative
 * numbers.
 */
final class CharacterErrors implements OneOutput {
    private final boolean blankIsLast;
    private final Optional<String> named;
    private final Targets targets;
    private long wrong;
    private long characters;

    /**
     * @param blankIsLast whether the blank is the last character (TensorFlow); otherwise it is the first (PyTorch)
     * @param named       the output; the first float output if empty
     */
    CharacterErrors(boolean blankIsLast, Optional<String> named, Targets targets) {
        this.blankIsLast = blankIsLast;
        this.named = named;
        this.targets = targets;
    }

    @Override
    public double[] measure(Dataset.Batch fed, Map<String, Tensor> outputs) {
        var texts = targets.of(fed);
        var output = outputs.get(output(outputs));
        if (output.rank() != 3 || output.dim(0) != fed.size() || texts.rank() != 2) {
            throw new BadInput(
                    "metric cer needs scores [samples, time, characters] and targets [samples, length], but output '"
                            + output(outputs) + "' is " + output + " and targets are " + texts
                            + ": name another output with evaluation.output");
        }
        long edits = 0;
        long length = 0;
        for (int i = 0; i < fed.size(); i++) {
            var wanted = Arrays.stream(texts.rows(i, i + 1).toLongs())
                    .filter(character -> character >= 0)
                    .toArray();
            edits += edits(decoded(output.rows(i, i + 1)), wanted);
            length += wanted.length;
        }
        return new double[] {edits, length};
    }

    @Override
    public void count(double[] measured) {
        wrong += (long) measured[0];
        characters += (long) measured[1];
    }

    private long[] decoded(Tensor scores) {
        int size = scores.dim(2);
        int blank = blankIsLast ? size - 1 : 0;
        var values = scores.toFloats();
        var text = new long[scores.dim(1)];
        int length = 0;
        int before = blank;
        for (int t = 0; t < text.length; t++) {
            int best = Classes.largest(values, t * size, size);
            if (best != blank && best != before) {
                text[length++] = best;
            }
            before = best;
        }
        return Arrays.copyOf(text, length);
    }

    /** Levenshtein distance. */
    private static long edits(long[] from, long[] to) {
        var above = new long[to.length + 1];
        Arrays.setAll(above, j -> j);
        for (int i = 1; i <= from.length; i++) {
            var row = new long[to.length + 1];
            row[0] = i;
            for (int j = 1; j <= to.length; j++) {
                row[j] =
                        Math.min(above[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1), 1 + Math.min(above[j], row[j - 1]));
            }
            above = row;
        }
        return above[to.length];
    }

    @Override
    public String output(Map<String, Tensor> outputs) {
        return Metric.output(outputs, named);
    }

    @Override
    public double value() {
        if (characters == 0) {
            throw new BadInput("metric cer: the targets contain no characters");
        }
        return (double) wrong / characters;
    }

    @Override
    public boolean largerIsBetter() {
        return false;
    }

    @Override
    public void close() {
        targets.close();
    }
}
