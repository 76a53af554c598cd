package dev.quantline.exporter;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.stage.Earlier;
import dev.quantline.pipeline.stage.Item;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.pipeline.stage.Source;
import dev.quantline.pipeline.stage.Stage;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.quantize.allocate.Sensitivities;
import dev.quantline.quantize.evaluate.CustomMetricGraph;
import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.export.Report;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Products;
import dev.quantline.quantize.settings.Recipe;
import dev.quantline.quantize.workflow.DataSettings;
import dev.quantline.quantize.workflow.ExportStep;
import dev.quantline.quantize.workflow.TuneStep;
import dev.quantline.quantize.workflow.TunedModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Writes the quantized model, judges it against the original and reports; without evaluation data on calibration data. Where
 * widths are allocated the sensitivities of a few layers are one item each, and the last one chooses widths and exports.
 */
final class ExportStage implements Stage {
    private static final String ORIGINAL = "original";
    private static final String EVALUATION = "evaluation";
    private static final String CALIBRATION = "calibration";
    private static final String METRIC = "metric";
    private static final String SENSITIVITIES = "sensitivities.json";
    private static final String CANDIDATES = "candidates.json";
    /** What the deliverable calls the float model that tuning left. */
    private static final String TUNED = "tuned.onnx";

    /** The phase in which widths are chosen by the sensitivities that the items before measured. */
    private static final int CHOOSING = 1;

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
            Products products,
            DataSettings data,
            List<String> notes) {}

    private record LayerGroup(Set<String> layers) {}

    @Override
    public StageName name() {
        return StageName.EXPORT;
    }

    @Override
    public Map<String, Source> inputs(JobRequest job, Earlier earlier) {
        boolean allocated = job.recipe().allocate().isPresent();
        boolean fineTuned = earlier.left(StageName.TUNE, TuneStep.CALIBRATED);
        var inputs = new TreeMap<String, Source>();
        inputs.put(ORIGINAL, earlier.input(StageName.PROFILE, "model"));
        for (String left : List.of(TuneStep.MODEL, TuneStep.PLAN, TuneStep.STEPS)) {
            inputs.put(left, earlier.file(StageName.TUNE, left));
        }
        inputs.put(TuneStep.TABLE, earlier.file(fineTuned ? StageName.TUNE : StageName.CALIBRATE, TuneStep.TABLE));
        inputs.put(
                EVALUATION,
                job.evaluation()
                        .<Source>map(evaluation -> new Source.Given(evaluation.data()))
                        .orElseGet(() -> earlier.input(StageName.PROFILE, CALIBRATION)));
        job.evaluation()
                .flatMap(JobRequest.Evaluation::graph)
                .ifPresent(graph -> inputs.put(METRIC, new Source.Given(graph)));
        if (allocated) {
            inputs.put(CALIBRATION, earlier.input(StageName.PROFILE, CALIBRATION));
            job.recipe().otherWidths().stream()
                    .map(TuneStep::rounded)
                    .forEach(name -> inputs.put(name, earlier.file(StageName.TUNE, name)));
        }
        if (fineTuned || allocated) {
            inputs.put(
                    TuneStep.CALIBRATED,
                    fineTuned
                            ? earlier.file(StageName.TUNE, TuneStep.CALIBRATED)
                            : earlier.file(StageName.CALIBRATE, TuneStep.MODEL));
        }
        return inputs;
    }

    @Override
    public Object settings(JobRequest job) {
        var settings = job.settings();
        return new Settings(
                job.recipe().preset(),
                job.target(),
                settings.measure(),
                job.evaluation().flatMap(JobRequest.Evaluation::better),
                job.recipe().goal(),
                job.recipe().allocate(),
                job.recipe().products(),
                settings.data(),
                job.notes());
    }

    @Override
    public List<Item> items(StageContext context) throws IOException {
        if (context.job().recipe().allocate().isEmpty()) {
            return List.of(Item.of(name().verb(), true));
        }
        var items = new ArrayList<Item>();
        int layers = 0;
        for (var group : step(context).layerGroups()) {
            items.add(Item.of(
                    "sensitivity of layers %d to %d".formatted(layers + 1, layers + group.size()),
                    new LayerGroup(group)));
            layers += group.size();
        }
        items.add(Item.of("choosing widths", CHOOSING, true));
        return items;
    }

    @Override
    public Outcome run(StageContext context, Item item) throws IOException {
        if (item.phase() == CHOOSING) {
            return chosen(context);
        }
        if (context.job().recipe().allocate().isPresent()) {
            return measured(
                    context,
                    Json.MAPPER.treeToValue(item.settings(), LayerGroup.class).layers());
        }
        var step = step(context);
        var exported = step.run(context.files(EVALUATION), context.work(), storingEarly(context));
        return done(exported.report(), step, context, Map.of());
    }

    private Outcome measured(StageContext context, Set<String> layers) throws IOException {
        var file = context.work().resolve(SENSITIVITIES);
        step(context)
                .sensitivities(layers, context.files(CALIBRATION), context.progress())
                .write(file);
        return new Outcome.Done(
                Map.of(SENSITIVITIES, file), Json.MAPPER.createObjectNode().put("layers", layers.size()));
    }

    /** Solves for the widths with all sensitivities, and exports. */
    private Outcome chosen(StageContext context) throws IOException {
        var measured = new ArrayList<Sensitivities>();
        for (var part : context.finished()) {
            measured.add(Sensitivities.read(part.folder().resolve(SENSITIVITIES)));
        }
        var sensitivities = Sensitivities.join(measured);
        var step = step(context);
        var exported = step.allocated(
                sensitivities,
                context.files(EVALUATION),
                context.files(CALIBRATION),
                context.work(),
                context.progress());
        sensitivities.write(context.work().resolve(SENSITIVITIES));
        step.tuned().candidates(context.job().recipe()).write(context.work().resolve(CANDIDATES));
        // What another budget is solved with later.
        var kept = new TreeMap<>(Map.of(TuneStep.TABLE, context.file(TuneStep.TABLE)));
        kept.putAll(renamed(context, TuneStep.MODEL, TUNED));
        kept.putAll(renamed(context, TuneStep.CALIBRATED, TuneStep.CALIBRATED));
        for (int bits : context.job().recipe().otherWidths()) {
            kept.putAll(renamed(context, TuneStep.rounded(bits), TuneStep.rounded(bits)));
        }
        return done(exported.report(), step, context, kept);
    }

    /** A model names its external data, so one that has some is written anew. */
    private static Map<String, Path> renamed(StageContext context, String input, String name) throws IOException {
        return context.files(input).size() == 1
                ? Map.of(name, context.file(input))
                : context.write(ModelFile.read(context.file(input)), name);
    }

    private ExportStep step(StageContext context) throws IOException {
        var job = context.job();
        var tuned = TunedModel.read(
                name -> Optional.ofNullable(context.inputs().get(name)).map(List::getFirst), job.recipe());
        var provenance = ExportStep.provenance(
                context.earlier().inputHash(StageName.PROFILE, "model"),
                context.earlier().inputHash(StageName.PROFILE, CALIBRATION),
                job.settings(),
                context.version());
        var settings = context.inputs().containsKey(METRIC)
                ? job.settings()
                        .with(Measure.of(CustomMetricGraph.read(
                                context.file(METRIC), job.evaluation().flatMap(JobRequest.Evaluation::better))))
                : job.settings();
        return new ExportStep(
                job.id(), context.file(ORIGINAL), tuned, settings, provenance, context.resources(provider));
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

    private static Outcome.Done done(Report result, ExportStep step, StageContext context, Map<String, Path> more)
            throws IOException {
        var report = JobReport.complete(result, context);
        report.write(context.work(), step.plots());
        var files = new TreeMap<>(more);
        try (var all = Files.list(context.work())) {
            files.putAll(StageContext.named(all.toList()));
        }
        return new Outcome.Done(files, summary(report));
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
