package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Samples;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.apache.commons.math3.stat.correlation.SpearmansCorrelation;

/**
 * Spearman correlation between given scores and the cosine similarity of sentence embeddings: rows 2i and 2i+1 are a
 * pair; an embedding is pooled from the output {@code [sentences, tokens, channels]}, unless the model pools it itself.
 */
final class Pairs implements OneOutput {
    /** How a sentence embedding is pooled. */
    enum Pooling {
        /** The mean over the tokens that {@code attention_mask} keeps. */
        MEAN,
        /** The first token, which BERT calls {@code [CLS]}. */
        CLS
    }

    private final Pooling pooling;
    private final Optional<String> named;
    private final float[] scores;
    private final List<Double> cosines = new ArrayList<>();
    private long sentences;
    /** The embedding of a row 2i, until row 2i + 1 comes. */
    private float[] left;

    /** @param named the output; the first float output if empty */
    Pairs(Pooling pooling, Optional<String> named, float[] scores) {
        this.pooling = pooling;
        this.named = named;
        this.scores = scores;
    }

    @Override
    public double[] measure(Dataset.Batch fed, Map<String, Tensor> outputs) {
        var pooled = looksAt(fed, outputs.get(output(outputs)));
        var measured = DoubleStream.builder().add(fed.size());
        for (int i = 0; i < fed.size(); i++) {
            var embedding = pooled.rows(i, i + 1).toFloats();
            if (left == null) {
                left = embedding;
            } else {
                measured.add(Fidelity.cosine(left, embedding));
                left = null;
            }
        }
        return measured.build().toArray();
    }

    /** @param measured the number of sentences, then the cosine of each pair that ended among them */
    @Override
    public void count(double[] measured) {
        sentences += (long) measured[0];
        Arrays.stream(measured).skip(1).forEach(cosines::add);
    }

    @Override
    public String output(Map<String, Tensor> outputs) {
        return Metric.output(outputs, named);
    }

    @Override
    public Tensor looksAt(Dataset.Batch fed, Tensor output) {
        return pool(pooling, fed, output);
    }

    /** Embeddings {@code [sentences, channels]}. @throws BadInput if output or mask do not have the required shape */
    static Tensor pool(Pooling pooling, Dataset.Batch fed, Tensor output) {
        if (output.rank() == 2) {
            return output;
        }
        return pooling == Pooling.CLS ? first(output) : mean(fed, output);
    }

    private static Tensor first(Tensor output) {
        if (output.rank() != 3 || output.dim(1) == 0) {
            throw new BadInput("metric pairs-cls needs an output [sentences, tokens, channels], not " + output);
        }
        int sentences = output.dim(0);
        int channels = output.dim(2);
        var values = output.toFloats();
        var pooled = new float[sentences * channels];
        for (int i = 0; i < sentences; i++) {
            System.arraycopy(values, i * output.dim(1) * channels, pooled, i * channels, channels);
        }
        return Tensor.of(pooled, sentences, channels);
    }

    private static Tensor mean(Dataset.Batch fed, Tensor output) {
        var mask = fed.arrays().get(Samples.MASK);
        if (output.rank() != 3 || mask == null) {
            throw new BadInput(
                    "metric pairs needs an output [sentences, tokens, channels] and an input 'attention_mask', not "
                            + output);
        }
        int tokens = output.dim(1);
        int channels = output.dim(2);
        var values = output.toFloats();
        var pooled = new float[fed.size() * channels];
        for (int i = 0; i < fed.size(); i++) {
            double kept = 0;
            var sum = new double[channels];
            for (int t = 0; t < tokens; t++) {
                if (mask.get(i * tokens + t) != 0) {
                    kept++;
                    for (int c = 0; c < channels; c++) {
                        sum[c] += values[(i * tokens + t) * channels + c];
                    }
                }
            }
            for (int c = 0; c < channels; c++) {
                pooled[i * channels + c] = (float) (sum[c] / Math.max(1, kept));
            }
        }
        return Tensor.of(pooled, fed.size(), channels);
    }

    @Override
    public double value() {
        int pairs = cosines.size();
        if (pairs < 2 || pairs > scores.length) {
            throw new BadInput("metric pairs: " + sentences + " rows make " + pairs + " pairs, but there are "
                    + scores.length + " scores");
        }
        var found = cosines.stream().mapToDouble(Double::doubleValue).toArray();
        var wanted = IntStream.range(0, pairs).mapToDouble(i -> scores[i]).toArray();
        return new SpearmansCorrelation().correlation(found, wanted);
    }
}
