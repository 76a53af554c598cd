package dev.quantline.evaluate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Tensor;
import dev.quantline.runtime.Dataset;
import java.util.Map;

/** Share of samples whose label is among the k largest of the first output, {@code [samples, classes]}. */
final class TopK implements Metric {
    private final int k;
    private final float[] labels;
    private int right;
    private int seen;

    TopK(int k, float[] labels) {
        this.k = k;
        this.labels = labels;
    }

    @Override
    public void add(Dataset.Batch fed, Map<String, Tensor> outputs) {
        var logits = rows(fed, outputs);
        int classes = logits.dim(1);
        var values = logits.toFloats();
        for (int i = 0; i < fed.size(); i++) {
            int label = (int) labels[fed.first() + i];
            if (label < 0 || label >= classes) {
                throw new BadInput("labels: sample " + (fed.first() + i) + " has label " + label + ", the model knows " + classes
                    + " classes");
            }
            float score = values[i * classes + label];
            int better = 0;
            for (int c = 0; c < classes; c++) {
                float other = values[i * classes + c];
                // Said by what is worse, so that NaN is never right.
                better += score > other || score == other && c >= label ? 0 : 1;
            }
            right += better < k ? 1 : 0;
            seen++;
        }
    }

    @Override
    public double value() {
        return (double) right / seen;
    }
}
