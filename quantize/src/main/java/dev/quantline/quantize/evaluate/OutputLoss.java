package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Samples;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;

/** How much worse the outputs of a changed model are than the float model's, batch by batch; 0 if they are equal. */
public sealed interface OutputLoss {
    /**
     * Sum over the samples of one batch.
     *
     * @param reference outputs of the float model, by name, in the model's order
     * @param changed   outputs of the changed model, of the same names and shapes
     */
    double of(Dataset.Batch fed, Map<String, Tensor> reference, Map<String, Tensor> changed);

    /** Its name in reports. */
    String label();

    /**
     * The loss that suits a metric: the KL divergence of the class probabilities for {@code top1} and {@code top5}, and of those
     * of the next token for {@code perplexity}; otherwise the squared error relative to the power: of sentence embeddings for
     * {@code pairs} and {@code pairs-cls}, of every float output for all others.
     *
     * @param task whether to use the increase of the cross-entropy for classes if the data has labels. That is the task's own
     *             loss, but mostly noise on a few dozen samples: a changed model is right by chance as often as it is wrong
     */
    static OutputLoss of(Measure measure, Dataset data, boolean task) throws IOException {
        var output = measure.output();
        return switch (measure.metric()) {
            case "top1", "top5" ->
                task && data.has("labels") ? new CrossEntropy(output, data.target("labels")) : new Divergence(output);
            case "perplexity" -> new Divergence(output);
            case "pairs" -> new SentenceDistance(Pairs.Pooling.MEAN, output);
            case "pairs-cls" -> new SentenceDistance(Pairs.Pooling.CLS, output);
            default -> new Distance();
        };
    }

    /** Increase of the cross-entropy of the labels over the float model's; a decrease counts as negative. */
    record CrossEntropy(Optional<String> output, float[] labels) implements OutputLoss {
        @Override
        public double of(Dataset.Batch fed, Map<String, Tensor> reference, Map<String, Tensor> changed) {
            String judged = Metric.output(reference, output);
            var before = Metric.rows(fed, reference.get(judged));
            var after = Metric.rows(fed, changed.get(judged));
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
    record Divergence(Optional<String> output) implements OutputLoss {
        @Override
        public double of(Dataset.Batch fed, Map<String, Tensor> reference, Map<String, Tensor> changed) {
            String judged = Metric.output(reference, output);
            var before = reference.get(judged);
            var after = changed.get(judged);
            var mask = fed.arrays().get(Samples.MASK);
            int classes = before.dim(-1);
            int rows = before.size() / classes;
            boolean masked = mask != null && mask.size() == rows;
            double sum = 0;
            double counted = 0;
            for (int row = 0; row < rows; row++) {
                if (!masked || mask.get(row) != 0) {
                    sum += divergence(
                            LogSoftmax.of(before.floats(), row * classes, classes),
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

    /** Squared error of each sample's row relative to its power, averaged over the float outputs. */
    record Distance() implements OutputLoss {
        @Override
        public double of(Dataset.Batch fed, Map<String, Tensor> reference, Map<String, Tensor> changed) {
            var floats = reference.keySet().stream()
                    .filter(output -> reference.get(output).type().isFloating())
                    .toList();
            return floats.stream()
                            .mapToDouble(output -> of(
                                    fed,
                                    Metric.rows(fed, reference.get(output)),
                                    Metric.rows(fed, changed.get(output))))
                            .sum()
                    / Math.max(1, floats.size());
        }

        /** Sum over samples; an output shared by all samples counts once for each of them. */
        static double of(Dataset.Batch fed, Tensor before, Tensor after) {
            int features = before.dim(1);
            double sum = 0;
            for (int i = 0; i < before.dim(0); i++) {
                double noise = 0;
                double power = 0;
                for (int j = i * features; j < (i + 1) * features; j++) {
                    double a = before.get(j);
                    double difference = a - after.get(j);
                    noise += difference * difference;
                    power += a * a;
                }
                sum += power == 0 ? noise : noise / power;
            }
            return sum * fed.size() / before.dim(0);
        }

        @Override
        public String label() {
            return "relative squared error";
        }
    }

    /** The same for the embedding of each sentence, from the output that {@code pairs} reads. */
    record SentenceDistance(Pairs.Pooling pooling, Optional<String> output) implements OutputLoss {
        @Override
        public double of(Dataset.Batch fed, Map<String, Tensor> reference, Map<String, Tensor> changed) {
            String judged = Metric.output(reference, output);
            return Distance.of(
                    fed,
                    Pairs.pool(pooling, fed, reference.get(judged)),
                    Pairs.pool(pooling, fed, changed.get(judged)));
        }

        @Override
        public String label() {
            return "relative squared error";
        }
    }
}
