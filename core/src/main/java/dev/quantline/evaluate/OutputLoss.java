package dev.quantline.evaluate;

import dev.quantline.onnx.Tensor;
import dev.quantline.runtime.Dataset;
import java.io.IOException;
import java.util.Map;

/**
 * How much worse a changed model's outputs are than the float model's, batch by batch; 0 for equal outputs.
 */
public sealed interface OutputLoss {
    /**
     * Sum over the samples of one batch.
     *
     * @param reference outputs of the float model, by name, in the model's order
     * @param changed   outputs of the changed model
     */
    double of(Dataset.Batch fed, Map<String, Tensor> reference, Map<String, Tensor> changed);

    /** What reports call it. */
    String label();

    /**
     * The loss that suits a metric: the KL divergence of the class probabilities for {@code top1} and {@code top5}, of the next
     * token's for {@code perplexity}; else the squared distance of the rows the metric looks at, over their power.
     *
     * @param task whether the increase of the cross-entropy is taken for classes where the data has labels. It is the task's own
     *             loss, and on a few dozen samples mostly noise: a changed model is right by chance as often as it is wrong
     */
    static OutputLoss of(String metric, Dataset data, boolean task) throws IOException {
        return switch (metric) {
            case "top1", "top5" -> task && data.has("labels") ? new CrossEntropy(data.target("labels")) : new Divergence();
            case "perplexity" -> new Divergence();
            default -> new Distance(metric.equals("pairs"));
        };
    }

    /** Increase of the cross-entropy of labels; less than the float model's counts as negative. */
    record CrossEntropy(float[] labels) implements OutputLoss {
        @Override
        public double of(Dataset.Batch fed, Map<String, Tensor> reference, Map<String, Tensor> changed) {
            var before = Metric.flatten(fed, reference);
            var after = Metric.flatten(fed, changed);
            int classes = before.dim(1);
            double sum = 0;
            for (int i = 0; i < fed.size(); i++) {
                int label = (int) labels[fed.first() + i];
                sum += LogSoftmax.of(before.floats(), i * classes, classes)[label]
                    - LogSoftmax.of(after.floats(), i * classes, classes)[label];
            }
            return sum;
        }

        @Override
        public String label() {
            return "cross-entropy";
        }
    }

    /** KL divergence of softmax(float) from softmax(changed) over the last axis, averaged over a sample's rows. */
    record Divergence() implements OutputLoss {
        @Override
        public double of(Dataset.Batch fed, Map<String, Tensor> reference, Map<String, Tensor> changed) {
            var before = reference.values().iterator().next();
            var after = changed.values().iterator().next();
            var mask = fed.arrays().get("attention_mask");
            int classes = before.dim(-1);
            int rows = before.size() / classes;
            boolean masked = mask != null && mask.size() == rows;
            double sum = 0;
            double counted = 0;
            for (int row = 0; row < rows; row++) {
                if (!masked || mask.get(row) != 0) {
                    sum += divergence(LogSoftmax.of(before.floats(), row * classes, classes),
                        LogSoftmax.of(after.floats(), row * classes, classes));
                    counted++;
                }
            }
            return counted == 0 ? 0 : sum / counted * fed.size();
        }

        private static double divergence(double[] p, double[] q) {
            double sum = 0;
            for (int i = 0; i < p.length; i++) {
                sum += Math.exp(p[i]) * (p[i] - q[i]);
            }
            return Math.max(0, sum);
        }

        @Override
        public String label() {
            return "KL divergence";
        }
    }

    /** Squared distance of each row over its power; {@code pooled} compares the mean over the tokens of a sentence. */
    record Distance(boolean pooled) implements OutputLoss {
        @Override
        public double of(Dataset.Batch fed, Map<String, Tensor> reference, Map<String, Tensor> changed) {
            var before = pooled ? Pairs.pool(fed, reference) : Metric.flatten(fed, reference);
            var after = pooled ? Pairs.pool(fed, changed) : Metric.flatten(fed, changed);
            int features = before.dim(1);
            double sum = 0;
            for (int i = 0; i < fed.size(); i++) {
                double noise = 0;
                double power = 0;
                for (int j = i * features; j < (i + 1) * features; j++) {
                    double a = before.floats().get(j);
                    double difference = a - after.floats().get(j);
                    noise += difference * difference;
                    power += a * a;
                }
                sum += power == 0 ? noise : noise / power;
            }
            return sum;
        }

        @Override
        public String label() {
            return "relative squared error";
        }
    }
}
