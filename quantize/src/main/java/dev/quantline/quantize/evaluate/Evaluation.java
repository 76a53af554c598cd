package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.BatchAxis;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.atomic.AtomicReference;

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
        try (var first = Metric.of(measure, samples.dataset()).orElse(null);
                var second = Metric.of(measure, samples.dataset()).orElse(null)) {
            return run(
                    baseline,
                    changed,
                    samples,
                    count,
                    measure,
                    batch,
                    Optional.ofNullable(first),
                    Optional.ofNullable(second),
                    progress);
        }
    }

    private static Evaluation run(
            Session baseline,
            Session changed,
            Samples samples,
            int count,
            Measure measure,
            int batch,
            Optional<Metric> first,
            Optional<Metric> second,
            Progress progress) {
        var comparison = new Comparison();
        var axes = samples.axes(baseline);
        var judged = new AtomicReference<>(List.<String>of());
        samples.forEachBatch(0, count, first.isPresent() ? batch : samples.unpadded(batch), fed -> {
            var before = samplesFirst(baseline.run(fed.arrays()), axes);
            var after = samplesFirst(changed.run(fed.arrays()), axes);
            first.ifPresent(value -> value.add(fed, before));
            second.ifPresent(value -> value.add(fed, after));
            comparison.add(fed, before, after, first);
            first.ifPresent(value -> judged.set(value.outputs(before)));
            progress.report(
                    (double) (fed.first() + fed.size()) / count, "evaluating sample " + (fed.first() + fed.size()));
        });
        return new Evaluation(
                measure.metric(),
                value(first),
                value(second),
                first.map(Metric::largerIsBetter).orElse(true),
                judged.get(),
                comparison.worst(judged.get()),
                comparison.outputs());
    }

    private static Map<String, Tensor> samplesFirst(Map<String, Tensor> outputs, Map<String, BatchAxis> axes) {
        var turned = new LinkedHashMap<String, Tensor>();
        outputs.forEach((name, tensor) ->
                turned.put(name, axes.getOrDefault(name, BatchAxis.FIRST).toFront(tensor)));
        return turned;
    }

    private static OptionalDouble value(Optional<Metric> metric) {
        return metric.isPresent() ? OptionalDouble.of(metric.get().value()) : OptionalDouble.empty();
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
