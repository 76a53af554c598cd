package dev.quantline.exporter;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.pipeline.event.Event.Seconds;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.stage.Earlier;
import dev.quantline.pipeline.stage.FinishedItem;
import dev.quantline.pipeline.stage.Item;
import dev.quantline.pipeline.stage.JobData;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.pipeline.stage.Source;
import dev.quantline.pipeline.stage.Stage;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.pipeline.store.Hashes;
import dev.quantline.quantize.allocate.Candidates;
import dev.quantline.quantize.allocate.FloatModels;
import dev.quantline.quantize.allocate.Sensitivities;
import dev.quantline.quantize.allocate.Sensitivity;
import dev.quantline.quantize.allocate.Table;
import dev.quantline.quantize.evaluate.CustomMetricGraph;
import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.export.Exporter;
import dev.quantline.quantize.export.Report;
import dev.quantline.quantize.export.ReportPlots;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.plan.Target;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Recipe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Writes the quantized model, judges it against the original and reports; without evaluation data on calibration data. Where
 * widths are allocated the sensitivities of a few layers are one item each, and the merge solves and exports.
 */
final class ExportStage implements Stage {
    private static final int BATCH = 16;
    private static final long SEED = 0;
    private static final String FIDELITY = "fidelity";
    /** Layers measured in one item: a minute at most, also where a batch takes a second. */
    private static final int LAYERS_AN_ITEM = 8;
    /** Samples sensitivities are measured on, the last of the calibration data: tuning trains on the first. */
    private static final int SAMPLES = 64;
    /** The float network that was quantized, as an input. */
    static final String CALIBRATED = "calibrated";

    private static final String METRIC = "metric";
    private static final String SENSITIVITIES = "sensitivities.json";
    private static final String CANDIDATES = "candidates.json";
    private final Provider provider;

    ExportStage(Provider provider) {
        this.provider = provider;
    }

    private record Settings(
            String preset,
            String target,
            Measure measure,
            Optional<String> better,
            Optional<Recipe.Goal> goal,
            Optional<Recipe.Allocate> allocate,
            String products,
            JobData.Settings data,
            List<String> notes) {}

    private record LayerGroup(Set<String> layers) {}

    @Override
    public StageName name() {
        return StageName.EXPORT;
    }

    @Override
    public Map<String, Source> inputs(JobRequest job, Earlier earlier) {
        boolean fineTuned = earlier.left(StageName.TUNE, "calibrated.onnx");
        var inputs = new TreeMap<String, Source>(Map.of(
                "original",
                earlier.input(StageName.PROFILE, "model"),
                "model",
                earlier.file(StageName.TUNE, "model.onnx"),
                "plan",
                earlier.file(StageName.TUNE, "plan.json"),
                "tuning",
                earlier.file(StageName.TUNE, "tuning.json"),
                "table",
                earlier.file(fineTuned ? StageName.TUNE : StageName.CALIBRATE, "calibration.json"),
                "evaluation",
                job.evaluation()
                        .<Source>map(evaluation -> new Source.Given(evaluation.data()))
                        .orElseGet(() -> earlier.input(StageName.PROFILE, "calibration"))));
        job.evaluation()
                .flatMap(JobRequest.Evaluation::graph)
                .ifPresent(graph -> inputs.put(METRIC, new Source.Given(graph)));
        if (job.recipe().allocate().isPresent()) {
            inputs.put("calibration", earlier.input(StageName.PROFILE, "calibration"));
            job.recipe()
                    .otherWidths()
                    .forEach(bits -> inputs.put(rounded(bits), earlier.file(StageName.TUNE, rounded(bits))));
        }
        if (fineTuned) {
            inputs.put(CALIBRATED, earlier.file(StageName.TUNE, "calibrated.onnx"));
        } else if (job.recipe().allocate().isPresent()) {
            inputs.put(CALIBRATED, earlier.file(StageName.CALIBRATE, "model.onnx"));
        }
        return inputs;
    }

    @Override
    public Object settings(JobRequest job) {
        return new Settings(
                job.recipe().preset(),
                job.target(),
                named(job),
                job.evaluation().flatMap(JobRequest.Evaluation::better),
                job.recipe().goal(),
                job.recipe().allocate(),
                job.recipe().products(),
                JobData.Settings.of(job),
                job.notes());
    }

    @Override
    public List<Item> items(StageContext context) throws IOException {
        if (context.job().recipe().allocate().isEmpty()) {
            return List.of(Item.of(name().verb(), true));
        }
        var layers = candidates(context, ModelFile.read(context.file("model"))).layers();
        var items = new ArrayList<Item>();
        // Two at least: a single item would be the result, and nothing would be solved.
        int size = Math.clamp(Math.ceilDiv(layers.size(), 2), 1, LAYERS_AN_ITEM);
        for (int from = 0; from < layers.size(); from += size) {
            var group = layers.subList(from, Math.min(layers.size(), from + size));
            items.add(Item.of(
                    "sensitivity of layers %d to %d".formatted(from + 1, from + group.size()),
                    new LayerGroup(new TreeSet<>(group))));
        }
        if (items.size() < 2) {
            items.add(Item.of("no further layers", new LayerGroup(Set.of())));
        }
        return items;
    }

    @Override
    public Outcome run(StageContext context, Item item) throws IOException {
        var job = context.job();
        var model = ModelFile.read(context.file("model"));
        if (job.recipe().allocate().isPresent()) {
            return measured(
                    context,
                    model,
                    Json.MAPPER.treeToValue(item.settings(), LayerGroup.class).layers());
        }
        try (var data = JobData.open(context, "evaluation", model)) {
            var exported = exported(context, model, JobData.bind(data, model, job));
            var report = FineTuned.judged(
                            Exporter.export(exported, context.work(), storingEarly(context)), exported, context)
                    .withStages(stages(context))
                    .withNotes(notes(context, exported))
                    .withAsked(Again.of(job));
            report.write(context.work(), gallery(context));
            return new Outcome.Done(files(context.work()), summary(report));
        }
    }

    private Outcome measured(StageContext context, Graph model, Set<String> layers) throws IOException {
        var allocate = context.job().recipe().allocate().orElseThrow();
        try (var data = JobData.open(context, "calibration", model)) {
            var samples = JobData.bind(data, model, context.job());
            var judge = AllocatedExport.judge(allocate, named(context.job()), samples);
            int from = Math.max(0, samples.size() - SAMPLES);
            var table = layers.isEmpty()
                    ? new Table(List.of(), 0)
                    : Sensitivity.measure(
                            models(context, model),
                            candidates(context, model),
                            layers,
                            samples,
                            from,
                            samples.size(),
                            JobData.batch(context, BATCH),
                            judge,
                            provider,
                            context.spilling(),
                            context.progress());
            var file = context.work().resolve(SENSITIVITIES);
            new Sensitivities(judge.label(), samples.size() - from, table).write(file);
            return new Outcome.Done(
                    Map.of(SENSITIVITIES, file), Json.MAPPER.createObjectNode().put("layers", layers.size()));
        }
    }

    @Override
    public Outcome.Done merge(StageContext context, List<FinishedItem> parts) throws IOException {
        var job = context.job();
        var model = ModelFile.read(context.file("model"));
        var measured = new ArrayList<Sensitivities>();
        for (var part : parts) {
            measured.add(Sensitivities.read(part.folder().resolve(SENSITIVITIES)));
        }
        var sensitivities = Sensitivities.join(measured);
        var candidates = candidates(context, model);
        sensitivities.write(context.work().resolve(SENSITIVITIES));
        candidates.write(context.work().resolve(CANDIDATES));
        try (var evaluation = JobData.open(context, "evaluation", model);
                var calibration = JobData.open(context, "calibration", model)) {
            var exported = exported(context, model, JobData.bind(evaluation, model, job));
            var allocated = new AllocatedExport(
                            exported,
                            job.recipe().allocate().orElseThrow(),
                            candidates,
                            models(context, model),
                            sensitivities,
                            JobData.bind(calibration, model, job))
                    .run(context.work(), context.progress());
            var report = FineTuned.judged(allocated, exported, context)
                    .withStages(stages(context))
                    .withNotes(notes(context, exported))
                    .withAsked(Again.of(job));
            report.write(context.work(), gallery(context));
            var files = new TreeMap<>(files(context.work()));
            files.putAll(renamed(context, "model", "tuned.onnx"));
            files.putAll(renamed(context, "calibrated", "calibrated.onnx"));
            for (int bits : job.recipe().otherWidths()) {
                files.putAll(renamed(context, rounded(bits), rounded(bits)));
            }
            files.put("calibration.json", context.file("table"));
            return new Outcome.Done(files, summary(report));
        }
    }

    /** A model names its external data, so one that has some is written anew. */
    private static Map<String, Path> renamed(StageContext context, String input, String name) throws IOException {
        return context.files(input).size() == 1
                ? Map.of(name, context.file(input))
                : context.write(ModelFile.read(context.file(input)), name);
    }

    private static ReportPlots gallery(StageContext context) throws IOException {
        return ReportPlots.of(
                CalibrationTable.read(context.file("table")), QuantizationPlan.read(context.file("plan")));
    }

    private static FloatModels models(StageContext context, Graph tuned) throws IOException {
        var recipe = context.job().recipe();
        var byWeights = new TreeMap<>(Map.of(recipe.base().weights(), tuned));
        for (int bits : recipe.otherWidths()) {
            byWeights.put(bits, ModelFile.read(context.file(rounded(bits))));
        }
        return new FloatModels(ModelFile.read(context.file(CALIBRATED)), recipe.base(), byWeights);
    }

    private static String rounded(int bits) {
        return "rounded-" + bits + ".onnx";
    }

    private static Candidates candidates(StageContext context, Graph model) throws IOException {
        var recipe = context.job().recipe();
        return Candidates.of(
                model,
                QuantizationPlan.read(context.file("plan")),
                recipe.base(),
                CalibrationTable.read(context.file("table")),
                recipe.widths());
    }

    private Exporter.Job exported(StageContext context, Graph model, Samples evaluation) throws IOException {
        var job = context.job();
        var steps = Json.MAPPER.readValue(context.file("tuning").toFile(), Report.Step[].class);
        var goal = job.recipe()
                .goal()
                .map(Recipe.Goal::drop)
                .map(OptionalDouble::of)
                .orElse(OptionalDouble.empty());
        return new Exporter.Job(
                job.id(),
                job.recipe().preset(),
                context.file("original"),
                model,
                QuantizationPlan.read(context.file("plan")),
                CalibrationTable.read(context.file("table")),
                Target.of(job.target()),
                Optional.empty(),
                evaluation,
                measure(context),
                goal,
                List.of(steps),
                provenance(context),
                Exporter.Products.of(job.recipe().products()),
                JobData.batch(context, BATCH),
                provider);
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

    /** By what it is called alone: a metric that is a graph is an input. */
    private static Measure named(JobRequest job) {
        return job.evaluation()
                .map(evaluation -> new Measure(evaluation.metricName(), evaluation.output()))
                .orElse(Measure.of(FIDELITY));
    }

    private static Measure measure(StageContext context) throws IOException {
        var evaluation =
                context.job().evaluation().filter(stated -> stated.graph().isPresent());
        return evaluation.isEmpty()
                ? named(context.job())
                : Measure.of(CustomMetricGraph.read(
                        context.file(METRIC), evaluation.get().better()));
    }

    private static List<String> notes(StageContext context, Exporter.Job exported) {
        return JobData.notes(
                context,
                exported.evaluation(),
                exported.measure().own().map(CustomMetricGraph::reads).orElse(Set.of()));
    }

    private static Report.Provenance provenance(StageContext context) {
        var job = context.job();
        var settings = Json.bytes(List.of(job.recipe(), JobData.Settings.of(job), named(job), job.target()));
        return new Report.Provenance(
                context.earlier().inputHash(StageName.PROFILE, "model"),
                context.earlier().inputHash(StageName.PROFILE, "calibration"),
                Hashes.of(settings),
                context.version(),
                SEED);
    }

    /** The export's own time ends here: what follows is putting this report into the store. */
    private static Map<String, Report.Stage> stages(StageContext context) {
        var stages = new LinkedHashMap<String, Report.Stage>();
        for (var stage : StageName.values()) {
            stages.put(
                    stage.verb(),
                    stage(
                            stage.isLast()
                                    ? context.spent().get()
                                    : context.earlier().seconds(stage)));
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
        var summary = new TreeMap<String, Object>(Map.of(
                "status",
                report.status(),
                "metric",
                report.quantized().metric(),
                "floatMetric",
                report.original().metric(),
                "bytes",
                report.quantized().bytes(),
                "floatBytes",
                report.original().bytes(),
                "fidelity",
                report.fidelity()));
        if (report.message() != null) {
            summary.put("message", report.message());
        }
        return Json.tree(summary);
    }
}
