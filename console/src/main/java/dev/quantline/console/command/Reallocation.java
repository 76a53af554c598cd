package dev.quantline.console.command;

import dev.quantline.console.client.StackClient;
import dev.quantline.exporter.AllocatedExport;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.job.ObjectRef;
import dev.quantline.pipeline.stage.JobData;
import dev.quantline.quantize.allocate.Candidates;
import dev.quantline.quantize.allocate.FloatModels;
import dev.quantline.quantize.allocate.Sensitivities;
import dev.quantline.quantize.evaluate.CustomMetricGraph;
import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.export.Exporter;
import dev.quantline.quantize.export.Report;
import dev.quantline.quantize.export.ReportPlots;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.plan.Target;
import dev.quantline.quantize.settings.Recipe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Solves a finished job again for another budget and exports: what was measured is in the store.
 *
 * @param folder an empty one for what is brought from there
 */
record Reallocation(StackClient client, JobRequest request, Budget budget, Path folder) {
    private static final int BATCH = 16;
    private static final double NANOS = 1e9;

    /** Limits as the command line states them, instead of all of the job's. */
    record Budget(
            Optional<Double> size,
            Optional<Double> bitOperations,
            Optional<Double> latency,
            Optional<Double> loss,
            Optional<Double> drop) {
        boolean isEmpty() {
            return Stream.of(size, bitOperations, latency, loss, drop).allMatch(Optional::isEmpty);
        }

        /** As the command line states it. */
        String options() {
            return Stream.of(
                            option("--size", size),
                            option("--bit-operations", bitOperations),
                            option("--latency", latency),
                            option("--loss", loss),
                            option("--drop", drop))
                    .flatMap(Optional::stream)
                    .collect(Collectors.joining());
        }

        private static Optional<String> option(String name, Optional<Double> value) {
            return value.map(limit -> " " + name + " " + limit);
        }
    }

    /**
     * Leaves model and report.
     *
     * @throws BadInput when the job is not done, or its widths were not allocated
     */
    Report export(Path target, Progress progress) throws IOException {
        long began = System.nanoTime();
        var allocate = allocate();
        var earlier = Report.read(bring("report.json"));
        var candidates = Candidates.read(bring("candidates.json"));
        var table = CalibrationTable.read(bring("calibration.json"));
        var models = models(candidates);
        var plan = candidates.plans().get(candidates.base());
        var original = client.bringModel(request.model(), empty("original"));
        var evaluated = request.evaluation().map(JobRequest.Evaluation::data).orElse(request.calibration());
        try (var calibration = data(request.calibration(), "calibration", models.ofBase());
                var evaluation = data(evaluated, "evaluation", models.ofBase())) {
            long brought = System.nanoTime();
            var job = new Exporter.Job(
                    request.id(),
                    earlier.recipe(),
                    original,
                    models.ofBase(),
                    plan,
                    table,
                    Target.of(request.target()),
                    Optional.empty(),
                    JobData.bind(evaluation, models.ofBase(), request),
                    measure(earlier),
                    goal(),
                    earlier.tuning(),
                    earlier.provenance(),
                    Exporter.Products.of(request.recipe().products()),
                    BATCH,
                    Provider.cpu());
            var report = new AllocatedExport(
                            job,
                            allocate,
                            candidates,
                            models,
                            Sensitivities.read(bring("sensitivities.json")),
                            JobData.bind(calibration, models.ofBase(), request))
                    .run(target, progress);
            report = withEarlier(report, earlier, new Report.Stage(seconds(began), seconds(began) - seconds(brought)))
                    .withAsked(asked(earlier.asked()));
            report.write(target, ReportPlots.of(table, plan));
            return report;
        }
    }

    /** What the stages before the export did holds for another budget as well. */
    private static Report withEarlier(Report report, Report earlier, Report.Stage export) {
        var stages = new LinkedHashMap<>(earlier.stages());
        stages.put(StageName.EXPORT.verb(), export);
        var timed = report.withStages(stages);
        return earlier.fineTuned() == null
                ? timed
                : timed.withFineTuned(earlier.fineTuned().value());
    }

    /** The job's request holds for another budget as well; null where its report was written before there was one. */
    private Report.Asked asked(Report.Asked earlier) {
        return earlier == null
                ? null
                : new Report.Asked(
                        earlier.model(),
                        earlier.calibration(),
                        earlier.evaluation(),
                        Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(),
                        "./quantline allocate " + request.id() + budget.options(),
                        earlier.request());
    }

    private static double seconds(long sinceNanos) {
        return (System.nanoTime() - sinceNanos) / NANOS;
    }

    private Measure measure(Report earlier) throws IOException {
        var own = request.evaluation().filter(evaluation -> evaluation.graph().isPresent());
        return own.isPresent()
                ? Measure.of(CustomMetricGraph.read(
                        client.bring(own.get().graph().get(), empty("metric")).getFirst(),
                        own.get().better()))
                : new Measure(
                        earlier.quantized().metric().name(),
                        request.evaluation().flatMap(JobRequest.Evaluation::output));
    }

    private OptionalDouble goal() {
        return budget.drop().map(OptionalDouble::of).orElse(OptionalDouble.empty());
    }

    /** The new budget; candidates and judge stay the job's. */
    private Recipe.Allocate allocate() {
        var before = request.recipe()
                .allocate()
                .orElseThrow(() -> new BadInput(
                        "the widths of job " + request.id() + " were not allocated: run it with --recipe mixed"));
        return new Recipe.Allocate(
                before.bits(),
                before.activations(),
                budget.size(),
                Optional.empty(),
                budget.bitOperations(),
                budget.latency(),
                budget.loss(),
                before.judge(),
                before.pinned());
    }

    private FloatModels models(Candidates candidates) throws IOException {
        var byWeights = new TreeMap<>(Map.of(candidates.base().weights(), model("tuned.onnx")));
        for (int bits : request.recipe().otherWidths()) {
            byWeights.put(bits, model("rounded-" + bits + ".onnx"));
        }
        return new FloatModels(model("calibrated.onnx"), candidates.base(), byWeights);
    }

    private Graph model(String name) throws IOException {
        return ModelFile.read(client.bringModel(request.id(), name, folder));
    }

    private Path bring(String name) throws IOException {
        return client.bring(request.id(), name, folder);
    }

    private Dataset data(ObjectRef ref, String name, Graph model) throws IOException {
        return JobData.open(client.bring(ref, empty(name)), model, request);
    }

    private Path empty(String name) throws IOException {
        return Files.createDirectory(folder.resolve(name));
    }
}
