package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Samples;
import java.util.Map;
import java.util.Optional;

/**
 * exp of the mean negative log likelihood of the next token, from the input {@code input_ids [batch, tokens]} and the
 * output logits {@code [batch, tokens, vocabulary]}. Tokens hidden by an {@code attention_mask} are not predicted.
 */
final class Perplexity implements OneOutput {
    private final Optional<String> named;
    private double loss;
    private long tokensSeen;

    /** @param named the output; the first float output if empty */
    Perplexity(Optional<String> named) {
        this.named = named;
    }

    @Override
    public String output(Map<String, Tensor> outputs) {
        return Metric.output(outputs, named);
    }

    @Override
    public double[] measure(Dataset.Batch fed, Map<String, Tensor> outputs) {
        var ids = fed.arrays().get("input_ids");
        var logits = outputs.get(output(outputs));
        if (ids == null || logits.rank() != 3 || ids.size() != (long) logits.dim(0) * logits.dim(1)) {
            throw new BadInput(
                    "metric perplexity needs an input 'input_ids' and logits [batch, tokens, vocabulary], but output '"
                            + output(outputs) + "' is " + logits + ": name another output with evaluation.output");
        }
        int tokens = logits.dim(1);
        int vocabulary = logits.dim(2);
        var mask = fed.arrays().get(Samples.MASK);
        var values = logits.floats();
        double likelihood = 0;
        long predicted = 0;
        for (int i = 0; i < fed.size(); i++) {
            for (int t = 0; t + 1 < tokens; t++) {
                int asked = i * tokens + t + 1;
                if (mask != null && mask.get(asked) == 0) {
                    continue;
                }
                if (ids.get(asked) < 0 || ids.get(asked) >= vocabulary) {
                    throw new BadInput("input_ids: sample " + (fed.first() + i) + " has token " + (long) ids.get(asked)
                            + ", but the model knows " + vocabulary);
                }
                likelihood += LogSoftmax.of(values, (asked - 1) * vocabulary, vocabulary)[(int) ids.get(asked)];
                predicted++;
            }
        }
        return new double[] {-likelihood, predicted};
    }

    @Override
    public void count(double[] measured) {
        loss += measured[0];
        tokensSeen += (long) measured[1];
    }

    @Override
    public double value() {
        if (tokensSeen == 0) {
            throw new BadInput("metric perplexity needs sequences of two tokens or more");
        }
        return Math.exp(loss / tokensSeen);
    }

    @Override
    public boolean largerIsBetter() {
        return false;
    }
}
