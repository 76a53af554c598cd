package dev.quantline.exporter;

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
import dev.quantline.quantize.evaluate.CustomMetricGraph;
import dev.quantline.quantize.evaluate.EvaluationPart;
import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Products;
import dev.quantline.quantize.settings.Recipe;
import dev.quantline.quantize.workflow.DataSettings;
import dev.quantline.quantize.workflow.ExportStep;
import dev.quantline.quantize.workflow.TuneStep;
import dev.quantline.quantize.workflow.TunedModel;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * Writes the quantized model, judges it against the original and reports; without evaluation data on calibration data. Where
 * widths are allocated, the sensitivities of a few layers are one item each. Where there is much to evaluate, a part of it is one item,
 * after the file is written; then the last one reports.
 */
final class ExportStage implements Stage {
    private static final String ORIGINAL = "original";
    static final String EVALUATION = "evaluation";
    static final String CALIBRATION = "calibration";
    private static final String METRIC = "metric";
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

    static boolean isAllocated(StageContext context) {
        return context.job().recipe().allocate().isPresent();
    }

    @Override
    public Outcome run(StageContext context, Item item) throws IOException {
        var share = Json.MAPPER.treeToValue(item.settings(), Share.class);
        var work = new ExportItem(context, step(context));
        return switch (share.task()) {
            case MEASURE -> work.measured(share.layers());
            case EXPORT -> work.exported();
            case WRITE -> work.written();
            case EVALUATE -> work.evaluated(share.samples(), new TimeSlice(slice));
            case EVALUATE_FINE_TUNED -> work.evaluatedFineTuned(share.samples(), new TimeSlice(slice));
            case REPORT -> work.reported();
        };
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
}
