package dev.quantline.evaluate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Tensor;
import dev.quantline.runtime.Dataset;
import java.util.Map;

/**
 * exp of the mean negative log likelihood of the next token, from the input {@code input_ids [batch, tokens]} and the
 * first output, logits {@code [batch, tokens, vocabulary]}.
 */
final class Perplexity implements Metric {
    private double loss;
    private long tokensSeen;

    @Override
    public void add(Dataset.Batch fed, Map<String, Tensor> outputs) {
        var ids = fed.arrays().get("input_ids");
        var logits = outputs.values().iterator().next();
        if (ids == null || logits.rank() != 3) {
            throw new BadInput("metric perplexity needs an input 'input_ids' and logits [batch, tokens, vocabulary], not " + logits);
        }
        int tokens = logits.dim(1);
        int vocabulary = logits.dim(2);
        var values = logits.toFloats();
        for (int i = 0; i < fed.size(); i++) {
            for (int t = 0; t + 1 < tokens; t++) {
                loss += lossAt(values, (i * tokens + t) * vocabulary, vocabulary, (int) ids.get(i * tokens + t + 1));
                tokensSeen++;
            }
        }
    }

    private static double lossAt(float[] values, int start, int vocabulary, int next) {
        float largest = Float.NEGATIVE_INFINITY;
        for (int v = 0; v < vocabulary; v++) {
            largest = Math.max(largest, values[start + v]);
        }
        double sum = 0;
        for (int v = 0; v < vocabulary; v++) {
            sum += Math.exp(values[start + v] - largest);
        }
        return Math.log(sum) + largest - values[start + next];
    }

    @Override
    public double value() {
        return Math.exp(loss / tokensSeen);
    }

    @Override
    public boolean largerIsBetter() {
        return false;
    }
}
