package dev.quantline.console.command;

import dev.quantline.console.client.StackClient;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.quantize.allocate.Candidates;
import dev.quantline.quantize.allocate.Sensitivities;
import dev.quantline.quantize.evaluate.CustomMetricGraph;
import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.export.Exporter;
import dev.quantline.quantize.export.Report;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.settings.Recipe;
import dev.quantline.quantize.workflow.AllocatedExport;
import dev.quantline.quantize.workflow.ExportStep;
import dev.quantline.quantize.workflow.QuantizationSettings;
import dev.quantline.quantize.workflow.Resources;
import dev.quantline.quantize.workflow.TuneStep;
import dev.quantline.quantize.workflow.TunedModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Solves a finished job again for another budget and exports the result, with the measurements from the store.
 *
 * @param folder an empty one for what is brought from there
 */
record Reallocation(StackClient client, JobRequest request, Budget budget, Path folder) {
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
     * Writes model and report.
     *
     * @throws BadInput when the job is not done, or its widths were not allocated
     */
    Report export(Path target, Progress progress) throws IOException {
        long began = System.nanoTime();
        var settings = settings();
        var earlier = Report.read(bring("report.json"));
        var candidates = Candidates.read(bring("candidates.json"));
        var step = new ExportStep(
                request.id(),
                client.bringModel(request.model(), empty("original")),
                tuned(candidates, earlier.tuning()),
                settings,
                earlier.provenance(),
                new Resources(Provider.cpu(), Resources.MOST, Spilling.usual()));
        var model = step.tuned().model();
        var evaluated = request.evaluation().map(JobRequest.Evaluation::data).orElse(request.calibration());
        try (var calibration = settings.data().open(client.bring(request.calibration(), empty("calibration")), model);
                var evaluation = settings.data().open(client.bring(evaluated, empty("evaluation")), model)) {
            long brought = System.nanoTime();
            var solved = new AllocatedExport(
                            step.job(evaluation),
                            settings.recipe().allocate().orElseThrow(),
                            candidates,
                            step.tuned().models(settings.recipe()),
                            Sensitivities.read(bring("sensitivities.json")),
                            calibration)
                    .solve(progress.part(0, 0.6));
            var report = Exporter.export(solved, target, progress.part(0.6, 1));
            report = withEarlier(report, earlier, new Report.Stage(seconds(began), seconds(began) - seconds(brought)))
                    .withAsked(asked(earlier.asked()));
            report.write(target, step.plots());
            return report;
        }
    }

    /** What the stages before the export did is valid for any budget. */
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

    /** The job's, with another budget; candidates and judge stay. */
    private QuantizationSettings settings() throws IOException {
        var job = request.settings();
        var own = request.evaluation().filter(evaluation -> evaluation.graph().isPresent());
        var measure = own.isEmpty()
                ? job.measure()
                : Measure.of(CustomMetricGraph.read(
                        client.bring(own.get().graph().get(), empty("metric")).getFirst(),
                        own.get().better()));
        var recipe = job.recipe().with(allocate(), budget.drop().map(Recipe.Goal::new));
        return new QuantizationSettings(recipe, job.target(), job.data(), measure, job.task());
    }

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

    private TunedModel tuned(Candidates candidates, List<Report.Step> steps) throws IOException {
        var rounded = new TreeMap<Integer, Graph>();
        for (int bits : request.recipe().otherWidths()) {
            rounded.put(bits, model(TuneStep.rounded(bits)));
        }
        return new TunedModel(
                model("tuned.onnx"),
                candidates.plans().get(candidates.base()),
                CalibrationTable.read(bring(TuneStep.TABLE)),
                steps,
                Optional.of(model(TuneStep.CALIBRATED)),
                rounded);
    }

    private Graph model(String name) throws IOException {
        return ModelFile.read(client.bringModel(request.id(), name, folder));
    }

    private Path bring(String name) throws IOException {
        return client.bring(request.id(), name, folder);
    }

    private Path empty(String name) throws IOException {
        return Files.createDirectory(folder.resolve(name));
    }
}
