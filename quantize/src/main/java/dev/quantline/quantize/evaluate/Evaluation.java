package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.stream.Stream;

/**
 * The comparison of two models on one data set in one pass.
 *
 * @param metric   name of the metric
 * @param baseline its value for the first model; empty for {@code fidelity}
 * @param changed  its value for the second model
 * @param lookedAt the outputs that the metric reads
 * @param fidelity closeness of the second model to the first: for the output that the metric reads, the farthest if there are several;
 *                 for the farthest of all outputs if it reads no floats
 * @param outputs  closeness of every output, by name
 */
public record Evaluation(
        String metric,
        OptionalDouble baseline,
        OptionalDouble changed,
        boolean largerIsBetter,
        List<String> lookedAt,
        Fidelity fidelity,
        Map<String, Closeness> outputs) {
    /**
     * Runs both models over all samples.
     *
     * @param batch largest number of samples run at once; sentences are run one by one if no metric excludes their
     *              padding
     */
    public static Evaluation run(
            Session baseline, Session changed, Samples samples, Measure measure, int batch, Progress progress)
            throws IOException {
        return run(baseline, changed, samples, samples.size(), measure, batch, progress);
    }

    /**
     * Runs both models over the first samples.
     *
     * @param count number of samples, at most all
     * @param batch number of samples run at once
     */
    public static Evaluation run(
            Session baseline,
            Session changed,
            Samples samples,
            int count,
            Measure measure,
            int batch,
            Progress progress)
            throws IOException {
        var all = EvaluationPart.run(
                baseline, changed, samples, new EvaluationPart.Range(0, count), measure, batch, () -> false, progress);
        return of(List.of(all), measure, samples.dataset());
    }

    /**
     * Puts together what was measured part by part. The same bits as from one part of all samples.
     *
     * @param parts of consecutive samples, in their order
     */
    public static Evaluation of(List<EvaluationPart> parts, Measure measure, Dataset data) throws IOException {
        var comparison = new Comparison();
        var batches = parts.stream().flatMap(part -> part.batches().stream()).toList();
        batches.forEach(batch -> batch.outputs().forEach(comparison::count));
        var judged = batches.isEmpty() ? List.<String>of() : batches.getLast().judged();
        try (var first = Metric.of(measure, data).orElse(null);
                var second = Metric.of(measure, data).orElse(null)) {
            return new Evaluation(
                    measure.metric(),
                    value(first, batches.stream().map(EvaluationPart.Batch::baseline)),
                    value(second, batches.stream().map(EvaluationPart.Batch::changed)),
                    first == null || first.largerIsBetter(),
                    judged,
                    comparison.worst(judged),
                    comparison.outputs());
        }
    }

    private static OptionalDouble value(Metric metric, Stream<double[]> measured) {
        if (metric == null) {
            return OptionalDouble.empty();
        }
        measured.forEach(metric::count);
        return OptionalDouble.of(metric.value());
    }

    /** How much worse the second model is, in units of the metric (positive: worse); 0 without a metric. */
    public double drop() {
        if (baseline.isEmpty()) {
            return 0;
        }
        double difference = baseline.getAsDouble() - changed.getAsDouble();
        return largerIsBetter ? difference : -difference;
    }
}
