package dev.quantline.tuner;

import dev.quantline.onnx.runtime.Provider;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.stage.Earlier;
import dev.quantline.pipeline.stage.FinishedItem;
import dev.quantline.pipeline.stage.Item;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.pipeline.stage.Source;
import dev.quantline.pipeline.stage.Stage;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.pipeline.stage.TimeSlice;
import dev.quantline.quantize.finetune.FineTuneSettings;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Recipe;
import dev.quantline.quantize.settings.Width;
import dev.quantline.quantize.workflow.DataSettings;
import dev.quantline.quantize.workflow.SharedTuning;
import dev.quantline.quantize.workflow.TuneStep;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;

/** Tunes in time slices, each of which leaves a checkpoint that any replica goes on from. */
final class TuneStage implements Stage {
    private final Provider provider;
    private final Duration slice;

    TuneStage(Provider provider) {
        this(provider, TimeSlice.USUAL);
    }

    /** @param slice how long training goes on before it leaves a checkpoint; one step at least */
    TuneStage(Provider provider, Duration slice) {
        this.provider = provider;
        this.slice = slice;
    }

    private record Settings(
            Recipe.Tune tune,
            List<Width> widths,
            DataSettings data,
            Optional<String> metric,
            Optional<String> output,
            Optional<FineTuning> fineTuning) {}

    /** What fine-tuning, and the calibration behind it, depend on besides. */
    private record FineTuning(Recipe recipe, FineTuneSettings settings, int pairLimit) {}

    @Override
    public StageName name() {
        return StageName.TUNE;
    }

    @Override
    public Map<String, Source> inputs(JobRequest job, Earlier earlier) {
        var inputs = new TreeMap<String, Source>(Map.of(
                "model",
                earlier.file(StageName.CALIBRATE, "model.onnx"),
                "plan",
                earlier.file(StageName.CALIBRATE, "plan.json"),
                "table",
                earlier.file(StageName.CALIBRATE, "calibration.json"),
                "calibration",
                earlier.input(StageName.PROFILE, "calibration")));
        if (job.recipe().tune().quanttune().isPresent()) {
            inputs.put("prepared", earlier.file(StageName.PROFILE, "model.onnx"));
            inputs.put("profile", earlier.file(StageName.PROFILE, "profile.json"));
            inputs.put(
                    "training",
                    job.training()
                            .<Source>map(training -> new Source.Given(training.data()))
                            .orElseGet(() -> earlier.input(StageName.PROFILE, "calibration")));
        }
        return inputs;
    }

    @Override
    public Object settings(JobRequest job) {
        var settings = job.settings();
        return new Settings(
                job.recipe().tune(),
                job.recipe().widths(),
                settings.data(),
                job.evaluation().map(JobRequest.Evaluation::metric),
                settings.measure().output(),
                settings.fineTuning().map(wanted -> new FineTuning(job.recipe(), wanted, settings.pairLimit())));
    }

    /** One item, or in the order that replicas can share one for every part. */
    @Override
    public List<Item> items(StageContext context) throws IOException {
        if (!SharedTuning.isAskedFor(context.job().settings())) {
            return List.of(Item.of(name().verb(), true));
        }
        var items = new ArrayList<Item>();
        var phases = new SharedTuning(step(context)).phases();
        for (int phase = 0; phase < phases.size(); phase++) {
            for (var part : phases.get(phase)) {
                items.add(Item.of(part.name(), phase, part));
            }
        }
        return List.copyOf(items);
    }

    @Override
    public Outcome run(StageContext context, Item item) throws IOException {
        var stop = new TimeSlice(slice);
        return switch (slice(context, item, stop)) {
            case TuneStep.Slice.Paused paused -> new Outcome.Continue(paused.checkpoint());
            case TuneStep.Slice.Done done ->
                new Outcome.Done(done.files(), Json.MAPPER.createObjectNode().set("steps", Json.tree(done.steps())));
        };
    }

    private TuneStep.Slice slice(StageContext context, Item item, BooleanSupplier stop) throws IOException {
        var step = step(context);
        var progress = context.progress();
        if (!SharedTuning.isAskedFor(step.settings())) {
            return step.advance(stop, progress);
        }
        var part = Json.MAPPER.convertValue(item.settings(), SharedTuning.Part.class);
        var finished = context.finished().stream().map(FinishedItem::folder).toList();
        return new SharedTuning(step).run(part, finished, stop, progress);
    }

    private TuneStep step(StageContext context) {
        var fineTunes = context.job().recipe().tune().quanttune().isPresent();
        var input = new TuneStep.Input(
                context.files("model"),
                context.file("plan"),
                context.file("table"),
                context.files("calibration"),
                fineTunes
                        ? Optional.of(new TuneStep.Train(
                                context.file("prepared"), context.file("profile"), context.files("training")))
                        : Optional.empty());
        return new TuneStep(
                input,
                context.job().settings(),
                context.resources(provider),
                context.work(),
                context.checkpoint(),
                () -> context.spent().get().compute());
    }
}
