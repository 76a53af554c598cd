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
import dev.quantline.pipeline.stage.TimeSlice;
import dev.quantline.quantize.allocate.Sensitivities;
import dev.quantline.quantize.evaluate.CustomMetricGraph;
import dev.quantline.quantize.evaluate.EvaluationPart;
import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.export.Exporter;
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
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;

/**
 * Writes the quantized model, judges it against the original and reports; without evaluation data on calibration data. Where
 * widths are allocated, the sensitivities of a few layers are one item each. Where there is much to evaluate, a part of it is one item,
 * after the file is written; then the last one reports.
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

    /** The report of a file that is written, but not yet evaluated. */
    private static final String WRITTEN = "written.json";
    /** What evaluation showed of some samples. */
    private static final String EVALUATED = "evaluated.json";
    /** The same for the model that fine-tuning left. */
    private static final String FINE_TUNED = "fine-tuned.json";

    private final Provider provider;
    private final int worth;
    private final Duration slice;

    ExportStage(Provider provider) {
        this(provider, EvaluationPart.WORTH, TimeSlice.USUAL);
    }

    /**
     * @param worth number of samples in a part of the evaluation, at least
     * @param slice how long an evaluation goes on before it leaves a checkpoint; one batch at least
     */
    ExportStage(Provider provider, int worth, Duration slice) {
        this.provider = provider;
        this.worth = worth;
        this.slice = slice;
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

    /** What an item does. */
    private enum Task {
        /** The sensitivities of some layers. */
        MEASURE,
        /** Everything that follows, in one. */
        EXPORT,
        WRITE,
        EVALUATE,
        EVALUATE_FINE_TUNED,
        REPORT
    }

    /** @param layers of MEASURE @param samples of an evaluation */
    private record Share(Task task, Set<String> layers, EvaluationPart.Range samples) {
        Share(Task task) {
            this(task, Set.of(), new EvaluationPart.Range(0, 0));
        }
    }

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
        var step = step(context);
        var items = new ArrayList<Item>();
        int phase = 0;
        if (isAllocated(context)) {
            int layers = 0;
            for (var group : step.layerGroups()) {
                items.add(Item.of(
                        "sensitivity of layers %d to %d".formatted(layers + 1, layers + group.size()),
                        phase,
                        new Share(Task.MEASURE, group, new EvaluationPart.Range(0, 0))));
                layers += group.size();
            }
            phase++;
        }
        var ranges = step.ranges(context.files(EVALUATION), worth);
        String first = isAllocated(context) ? "choosing widths" : name().verb();
        if (ranges.size() == 1) {
            items.add(Item.of(first, phase, new Share(Task.EXPORT)));
            return items;
        }
        items.add(Item.of(first, phase++, new Share(Task.WRITE)));
        items.addAll(evaluations("evaluation of samples", phase, Task.EVALUATE, ranges));
        if (step.tuned().isFineTuned()) {
            items.addAll(evaluations("fine-tuned model on samples", phase, Task.EVALUATE_FINE_TUNED, ranges));
        }
        items.add(Item.of("report", ++phase, new Share(Task.REPORT)));
        return items;
    }

    private static List<Item> evaluations(String what, int phase, Task task, List<EvaluationPart.Range> ranges) {
        return ranges.stream()
                .map(range -> Item.of(
                        "%s %d to %d".formatted(what, range.from() + 1, range.to()),
                        phase,
                        new Share(task, Set.of(), range)))
                .toList();
    }

    private static boolean isAllocated(StageContext context) {
        return context.job().recipe().allocate().isPresent();
    }

    @Override
    public Outcome run(StageContext context, Item item) throws IOException {
        var share = Json.MAPPER.treeToValue(item.settings(), Share.class);
        return switch (share.task()) {
            case MEASURE -> measured(context, share.layers());
            case EXPORT -> exported(context);
            case WRITE -> written(context);
            case EVALUATE -> {
                var file = left(context, Exporter.MODEL).getFirst();
                var written = Report.read(left(context, WRITTEN).getFirst());
                yield evaluated(
                        context,
                        EVALUATED,
                        share.samples(),
                        (step, rest, stop) -> step.evaluate(
                                written, file, context.files(EVALUATION), rest, stop, context.progress()));
            }
            case EVALUATE_FINE_TUNED ->
                evaluated(
                        context,
                        FINE_TUNED,
                        share.samples(),
                        (step, rest, stop) ->
                                step.evaluateFineTuned(context.files(EVALUATION), rest, stop, context.progress()));
            case REPORT -> reported(context);
        };
    }

    private Outcome measured(StageContext context, Set<String> layers) throws IOException {
        var file = context.work().resolve(SENSITIVITIES);
        step(context)
                .sensitivities(layers, context.files(CALIBRATION), context.progress())
                .write(file);
        return new Outcome.Done(
                Map.of(SENSITIVITIES, file), Json.MAPPER.createObjectNode().put("layers", layers.size()));
    }

    private Outcome exported(StageContext context) throws IOException {
        var step = step(context);
        var progress = storingEarly(context);
        if (!isAllocated(context)) {
            return done(
                    step.run(context.files(EVALUATION), context.work(), progress)
                            .report(),
                    step,
                    context,
                    Map.of());
        }
        var sensitivities = sensitivities(context);
        var report = step.allocated(
                        sensitivities,
                        context.files(EVALUATION),
                        context.files(CALIBRATION),
                        context.work(),
                        context.progress())
                .report();
        return done(report, step, context, kept(context, step, sensitivities));
    }

    private Outcome written(StageContext context) throws IOException {
        var step = step(context);
        var files = new TreeMap<String, Path>();
        Report written;
        if (isAllocated(context)) {
            var sensitivities = sensitivities(context);
            written = step.writeAllocated(
                            sensitivities,
                            context.files(EVALUATION),
                            context.files(CALIBRATION),
                            context.work(),
                            context.progress())
                    .report();
            files.putAll(kept(context, step, sensitivities));
        } else {
            written = step.write(context.files(EVALUATION), context.work()).report();
        }
        Files.writeString(context.work().resolve(WRITTEN), written.toJson());
        files.putAll(made(context));
        return new Outcome.Done(files, Json.MAPPER.createObjectNode());
    }

    /** One of the evaluations. */
    private interface Evaluated {
        EvaluationPart by(ExportStep step, EvaluationPart.Range rest, BooleanSupplier stop) throws IOException;
    }

    private Outcome evaluated(StageContext context, String name, EvaluationPart.Range range, Evaluated evaluation)
            throws IOException {
        var before = context.checkpoint().isPresent()
                ? EvaluationPart.read(context.checkpoint().get().resolve(name))
                : new EvaluationPart(List.of(), range.from());
        var part = before.then(evaluation.by(step(context), range.after(before), new TimeSlice(slice)));
        var files = Map.of(name, context.work().resolve(name));
        part.write(files.get(name));
        return part.next() < range.to()
                ? new Outcome.Continue(files)
                : new Outcome.Done(files, Json.MAPPER.createObjectNode());
    }

    private Outcome reported(StageContext context) throws IOException {
        var step = step(context);
        var report = step.report(
                Report.read(left(context, WRITTEN).getFirst()),
                left(context, Exporter.MODEL).getFirst(),
                context.files(EVALUATION),
                parts(context, EVALUATED),
                parts(context, FINE_TUNED));
        var files = new TreeMap<String, Path>();
        for (var finished : context.finished()) {
            if (finished.files().containsKey(WRITTEN)) {
                files.putAll(finished.files());
            }
        }
        files.remove(WRITTEN);
        return done(report, step, context, files);
    }

    private static List<EvaluationPart> parts(StageContext context, String name) throws IOException {
        var parts = new ArrayList<EvaluationPart>();
        for (var file : left(context, name)) {
            parts.add(EvaluationPart.read(file));
        }
        return parts;
    }

    /** What earlier items left under a name. */
    private static List<Path> left(StageContext context, String name) {
        return context.finished().stream()
                .map(finished -> finished.folder().resolve(name))
                .filter(Files::exists)
                .toList();
    }

    private static Sensitivities sensitivities(StageContext context) throws IOException {
        var measured = new ArrayList<Sensitivities>();
        for (var file : left(context, SENSITIVITIES)) {
            measured.add(Sensitivities.read(file));
        }
        return Sensitivities.join(measured);
    }

    /** What another budget is solved with later. */
    private static Map<String, Path> kept(StageContext context, ExportStep step, Sensitivities sensitivities)
            throws IOException {
        sensitivities.write(context.work().resolve(SENSITIVITIES));
        step.tuned().candidates(context.job().recipe()).write(context.work().resolve(CANDIDATES));
        var kept = new TreeMap<>(Map.of(TuneStep.TABLE, context.file(TuneStep.TABLE)));
        kept.putAll(renamed(context, TuneStep.MODEL, TUNED));
        kept.putAll(renamed(context, TuneStep.CALIBRATED, TuneStep.CALIBRATED));
        for (int bits : context.job().recipe().otherWidths()) {
            kept.putAll(renamed(context, TuneStep.rounded(bits), TuneStep.rounded(bits)));
        }
        return kept;
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
                context.handOver().accept(context.work().resolve(Exporter.MODEL));
            }
            context.progress().report(fraction, message);
        };
    }

    private static Outcome.Done done(Report result, ExportStep step, StageContext context, Map<String, Path> more)
            throws IOException {
        var report = JobReport.complete(result, context);
        report.write(context.work(), step.plots());
        var files = new TreeMap<>(more);
        files.putAll(made(context));
        return new Outcome.Done(files, summary(report));
    }

    private static Map<String, Path> made(StageContext context) throws IOException {
        try (var all = Files.list(context.work())) {
            return StageContext.named(all.toList());
        }
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
