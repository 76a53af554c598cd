package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import java.util.Map;
import java.util.Optional;

/** Share of samples whose label is among the k largest scores in {@code [samples, classes]}. */
final class TopK implements OneOutput {
    private final int k;
    private final Optional<String> named;
    private final float[] labels;
    private int right;
    private int seen;

    /** @param named the output; the first float output if empty */
    TopK(int k, Optional<String> named, float[] labels) {
        this.k = k;
        this.named = named;
        this.labels = labels;
    }

    @Override
    public double[] measure(Dataset.Batch fed, Map<String, Tensor> outputs) {
        var output = outputs.get(output(outputs));
        var logits = Metric.rows(fed, output);
        if (logits.dim(0) != fed.size()) {
            throw new BadInput("metric top" + k + " needs scores [samples, classes], but output '" + output(outputs)
                    + "' is " + output + ": name another output with evaluation.output");
        }
        int classes = logits.dim(1);
        var values = logits.toFloats();
        int found = 0;
        for (int i = 0; i < fed.size(); i++) {
            int label = (int) labels[fed.first() + i];
            if (label < 0 || label >= classes) {
                throw new BadInput("labels: sample " + (fed.first() + i) + " has label " + label
                        + ", but the model knows " + classes + " classes");
            }
            float score = values[i * classes + label];
            int better = 0;
            for (int c = 0; c < classes; c++) {
                float other = values[i * classes + c];
                // Phrased by which scores are worse, so that NaN is never right.
                better += score > other || score == other && c >= label ? 0 : 1;
            }
            found += better < k ? 1 : 0;
        }
        return new double[] {found, fed.size()};
    }

    @Override
    public void count(double[] measured) {
        right += (int) measured[0];
        seen += (int) measured[1];
    }

    @Override
    public String output(Map<String, Tensor> outputs) {
        return Metric.output(outputs, named);
    }

    @Override
    public double value() {
        return (double) right / seen;
    }
}
