package dev.quantline.exporter;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.export.Exporter;
import dev.quantline.export.Gallery;
import dev.quantline.export.Report;
import dev.quantline.onnx.ModelFile;
import dev.quantline.pipeline.event.Event.Seconds;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.job.Json;
import dev.quantline.pipeline.job.Recipe;
import dev.quantline.pipeline.stage.Earlier;
import dev.quantline.pipeline.stage.Item;
import dev.quantline.pipeline.stage.JobData;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.pipeline.stage.SingleItemStage;
import dev.quantline.pipeline.stage.Source;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.pipeline.store.Hashes;
import dev.quantline.plan.CalibrationTable;
import dev.quantline.plan.QuantizationPlan;
import dev.quantline.runtime.Progress;
import dev.quantline.runtime.Provider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;

/** Writes the quantized model, judges it against the original and reports; without evaluation data on calibration data. */
final class ExportStage implements SingleItemStage {
    private static final int BATCH = 16;
    private static final long SEED = 0;
    private static final String FIDELITY = "fidelity";
    private final Provider provider;

    ExportStage(Provider provider) {
        this.provider = provider;
    }

    private record Settings(String preset, String metric, Optional<Recipe.Goal> goal,
                            Map<String, JobRequest.Normalize> normalize) {
    }

    @Override
    public StageName name() {
        return StageName.EXPORT;
    }

    @Override
    public Map<String, Source> inputs(JobRequest job, Earlier earlier) {
        return Map.of("original", earlier.input(StageName.PROFILE, "model"),
                "model", earlier.file(StageName.TUNE, "model.onnx"),
                "plan", earlier.file(StageName.TUNE, "plan.json"),
                "tuning", earlier.file(StageName.TUNE, "tuning.json"),
                "table", earlier.file(StageName.CALIBRATE, "calibration.json"),
                "evaluation", job.evaluation().<Source>map(evaluation -> new Source.Given(evaluation.data()))
                        .orElseGet(() -> earlier.input(StageName.PROFILE, "calibration")));
    }

    @Override
    public Object settings(JobRequest job) {
        return new Settings(job.recipe().preset(), metric(job), job.recipe().goal(), job.normalize());
    }

    @Override
    public Outcome run(StageContext context, Item item) throws IOException {
        var job = context.job();
        var model = ModelFile.read(context.file("model"));
        var steps = Json.MAPPER.readValue(context.file("tuning").toFile(), Report.Step[].class);
        var plan = QuantizationPlan.read(context.file("plan"));
        try (var data = JobData.open(context, "evaluation")) {
            var goal = job.recipe().goal().map(Recipe.Goal::drop).map(OptionalDouble::of).orElse(OptionalDouble.empty());
            var report = Exporter.export(new Exporter.Job(job.id(), job.recipe().preset(), context.file("original"), model,
                    plan, JobData.bind(data, model, job), metric(job), goal,
                    List.of(steps), provenance(context), BATCH, provider), context.work(), storingEarly(context))
                    .withStages(stages(context));
            report.write(context.work(), Gallery.of(CalibrationTable.read(context.file("table")), plan));
            return new Outcome.Done(files(context.work()), summary(report));
        }
    }

    /** The exporter reports progress from when the file is written: it goes into the store while it is evaluated. */
    private static Progress storingEarly(StageContext context) {
        var begun = new AtomicBoolean();
        return (fraction, message) -> {
            if (begun.compareAndSet(false, true)) {
                context.handOver().accept(context.work().resolve("model.onnx"));
            }
            context.progress().report(fraction, message);
        };
    }

    private static String metric(JobRequest job) {
        return job.evaluation().map(JobRequest.Evaluation::metric).orElse(FIDELITY);
    }

    private static Report.Provenance provenance(StageContext context) {
        var job = context.job();
        var settings = Json.bytes(List.of(job.recipe(), job.normalize(), metric(job)));
        return new Report.Provenance(context.earlier().inputHash(StageName.PROFILE, "model"),
                context.earlier().inputHash(StageName.PROFILE, "calibration"), Hashes.of(settings), context.version(), SEED);
    }

    /** The export's own time ends here: what follows is putting this report into the store. */
    private static Map<String, Report.Stage> stages(StageContext context) {
        var stages = new LinkedHashMap<String, Report.Stage>();
        for (var stage : StageName.values()) {
            stages.put(stage.verb(), stage(stage.isLast() ? context.spent().get() : context.earlier().seconds(stage)));
        }
        return stages;
    }

    private static Report.Stage stage(Seconds seconds) {
        return new Report.Stage(seconds.wall(), Math.max(0, seconds.wall() - seconds.compute()));
    }

    private static Map<String, Path> files(Path folder) throws IOException {
        var files = new TreeMap<String, Path>();
        try (var all = Files.list(folder)) {
            all.forEach(file -> files.put(file.getFileName().toString(), file));
        }
        return files;
    }

    private static JsonNode summary(Report report) {
        return Json.tree(new TreeMap<>(Map.of("status", report.status(), "metric", report.quantized().metric(),
                "floatMetric", report.original().metric(), "bytes", report.quantized().bytes(),
                "floatBytes", report.original().bytes())));
    }
}
