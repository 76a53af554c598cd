package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.BatchAxis;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/**
 * What two models were found to do on some consecutive samples, batch by batch. Parts of a data set may be measured anywhere:
 * {@link Evaluation#of} puts them together without rounding anything differently than one run over all samples would.
 *
 * @param next the sample after the last one that was measured: before the range's end if it was stopped
 */
public record EvaluationPart(List<Batch> batches, int next) {
    /** Samples for each part to be worth loading two models: seconds for most networks. */
    public static final int WORTH = 1024;
    /** As many replicas as a stage's work has partitions for. */
    private static final int MOST = 64;

    /**
     * One batch.
     *
     * @param baseline what it contributes to the metric of the first model; empty without a metric
     * @param changed  the same of the second model
     * @param outputs  what it contributes to the closeness of each output
     * @param judged   the outputs that the metric reads
     */
    record Batch(double[] baseline, double[] changed, List<Comparison.Measured> outputs, List<String> judged) {}

    /** Samples {@code from} to {@code to}, exclusive. */
    public record Range(int from, int to) {
        /**
         * Divides all samples into parts of about the same size that begin where a batch, and a pair of rows, begins.
         *
         * @param batch number of samples that are run at once
         * @param worth number of samples in a part, at least
         */
        public static List<Range> of(Samples samples, int batch, int worth) {
            int parts = Math.clamp(samples.size() / worth, 1, MOST);
            int size = Math.ceilDiv(samples.size(), parts);
            var starts = samples.dataset().starts(samples.batchSize(batch)).toArray();
            var ranges = new ArrayList<Range>();
            int from = 0;
            for (int start : starts) {
                if (start % 2 == 0 && start / size > from / size) {
                    ranges.add(new Range(from, start));
                    from = start;
                }
            }
            ranges.add(new Range(from, samples.size()));
            return ranges;
        }

        /** What is left of it after a part. */
        public Range after(EvaluationPart part) {
            return new Range(part.next(), to);
        }
    }

    /**
     * Runs both models over a range of samples.
     *
     * @param batch largest number of samples run at once; sentences are run one by one if no metric excludes their padding
     * @param stop  asked after each batch
     */
    public static EvaluationPart run(
            Session baseline,
            Session changed,
            Samples samples,
            Range range,
            Measure measure,
            int batch,
            BooleanSupplier stop,
            Progress progress)
            throws IOException {
        try (var first = Metric.of(measure, samples.dataset()).orElse(null);
                var second = Metric.of(measure, samples.dataset()).orElse(null)) {
            var pair = new Pair(
                    baseline, changed, samples.axes(baseline), Optional.ofNullable(first), Optional.ofNullable(second));
            int size = first == null ? samples.unpadded(batch) : batch;
            if (range.from() > 0 && first != null && first.isLedByFirst()) {
                samples.forEachBatch(0, Math.min(samples.batchSize(size), samples.size()), size, pair::measure);
            }
            var batches = new ArrayList<Batch>();
            var next = new AtomicInteger(range.from());
            var stopped = new AtomicBoolean();
            samples.forEachBatch(range.from(), range.to(), size, fed -> {
                // The rest of a range is read but not run, which takes little.
                if (!stopped.get()) {
                    batches.add(pair.measure(fed));
                    next.set(fed.first() + fed.size());
                    progress.report(
                            (double) (next.get() - range.from()) / (range.to() - range.from()),
                            "evaluating sample " + next.get());
                    stopped.set(next.get() < range.to() && stop.getAsBoolean());
                }
            });
            return new EvaluationPart(batches, stopped.get() ? next.get() : range.to());
        }
    }

    /** The models, and the metric of each. */
    private record Pair(
            Session baseline,
            Session changed,
            Map<String, BatchAxis> axes,
            Optional<Metric> first,
            Optional<Metric> second) {
        Batch measure(Dataset.Batch fed) {
            var before = samplesFirst(baseline.run(fed.arrays()));
            var after = samplesFirst(changed.run(fed.arrays()));
            return new Batch(
                    measured(first, fed, before),
                    measured(second, fed, after),
                    Comparison.measure(fed, before, after, first),
                    first.map(metric -> metric.outputs(before)).orElse(List.of()));
        }

        private static double[] measured(Optional<Metric> metric, Dataset.Batch fed, Map<String, Tensor> outputs) {
            return metric.map(present -> present.measure(fed, outputs)).orElse(new double[0]);
        }

        private Map<String, Tensor> samplesFirst(Map<String, Tensor> outputs) {
            var turned = new LinkedHashMap<String, Tensor>();
            outputs.forEach((name, tensor) ->
                    turned.put(name, axes.getOrDefault(name, BatchAxis.FIRST).toFront(tensor)));
            return turned;
        }
    }

    /** Followed by the part that begins where this one was stopped. */
    public EvaluationPart then(EvaluationPart rest) {
        return new EvaluationPart(
                Stream.concat(batches.stream(), rest.batches.stream()).toList(), rest.next);
    }

    /** Writes a file that {@link #read} gives back with the same bits. */
    public void write(Path file) throws IOException {
        Files.write(file, Json.bytes(this));
    }

    public static EvaluationPart read(Path file) throws IOException {
        return Json.read(Files.readAllBytes(file), EvaluationPart.class);
    }
}
