package dev.quantline.tuner;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.stage.Earlier;
import dev.quantline.pipeline.stage.Item;
import dev.quantline.pipeline.stage.JobCalibration;
import dev.quantline.pipeline.stage.JobData;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.pipeline.stage.SingleItemStage;
import dev.quantline.pipeline.stage.Source;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.quantize.finetune.FineTuneSettings;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Recipe;
import dev.quantline.quantize.settings.Width;
import dev.quantline.quantize.tune.SyntheticText;
import dev.quantline.quantize.tune.TuningRun;
import dev.quantline.tuner.FineTunePhase.Start;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * Tunes the float model for its plan, fine-tuned and calibrated again before where the job asks for that; what did not change
 * passes through. Tuning that takes longer goes in time slices, each of which leaves a checkpoint that any replica goes on from.
 */
final class TuneStage implements SingleItemStage {
    private static final int BATCH = 16;
    /** Share of the progress that rounding takes where there are several widths to round to. */
    private static final double ROUNDING = 0.7;

    private static final double WRITING = 0.1;
    private static final String WRITTEN = "written.npz";
    private static final Duration SLICE = Duration.ofSeconds(45);
    private final Provider provider;
    private final Duration slice;

    TuneStage(Provider provider) {
        this(provider, SLICE);
    }

    /** @param slice how long training goes on before it leaves a checkpoint; one step at least */
    TuneStage(Provider provider, Duration slice) {
        this.provider = provider;
        this.slice = slice;
    }

    private record Settings(
            Recipe.Tune tune,
            List<Width> widths,
            JobData.Settings data,
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
        var metric = job.evaluation().map(JobRequest.Evaluation::metric);
        return new Settings(
                job.recipe().tune(),
                job.recipe().widths(),
                JobData.Settings.of(job),
                metric,
                TuneRequest.output(job),
                job.recipe()
                        .tune()
                        .quanttune()
                        .map(wanted -> new FineTuning(
                                job.recipe(), TuneRequest.fineTuning(job), JobCalibration.pairLimit(job))));
    }

    @Override
    public Outcome run(StageContext context, Item item) throws IOException {
        var start = FineTunePhase.start(context);
        return start.isEmpty()
                ? new FineTunePhase(context, provider, new Slice(slice)).run()
                : tune(context, start.get());
    }

    private Outcome tune(StageContext context, Start start) throws IOException {
        var progress = context.progress().part(start.fineTuning().isPresent() ? FineTunePhase.SHARE : 0, 1);
        progress.report(0, "reading the model");
        var model = ModelFile.read(start.model().getFirst());
        var plan = QuantizationPlan.read(start.plan());
        var scratch = Files.createDirectory(context.work().resolve("activations"));
        var written =
                context.checkpoint().map(folder -> folder.resolve(WRITTEN)).filter(Files::exists);
        try (var data = written.isPresent()
                ? Dataset.open(List.of(written.get()))
                : JobData.open(context, "calibration", model)) {
            var samples = JobData.bind(data, model, context.job());
            if (written.isEmpty() && lacksText(model, samples, context.job())) {
                return write(model, samples, start, context, progress.part(0, WRITING));
            }
            var rounded = context.job().recipe().otherWidths().isEmpty()
                    ? Optional.<RoundedWidths>empty()
                    : Optional.of(RoundedWidths.of(
                            model,
                            plan,
                            samples,
                            start,
                            context,
                            provider,
                            JobData.batch(context, BATCH),
                            progress.part(0, ROUNDING)));
            try (var run = run(model, rounded, plan, samples, context, scratch)) {
                return advance(
                        run,
                        rounded,
                        start,
                        model,
                        plan,
                        context,
                        progress.part(rounded.isPresent() ? ROUNDING : 0, 1));
            }
        }
    }

    private static boolean lacksText(Graph model, Samples samples, JobRequest job) {
        var tune = job.recipe().tune();
        return tune.write()
                && TuneRequest.isText(job)
                && samples.size() < tune.samples()
                && SyntheticText.writes(model, TuneRequest.output(job));
    }

    private Outcome write(Graph model, Samples samples, Start start, StageContext context, Progress progress)
            throws IOException {
        var tune = context.job().recipe().tune();
        var files = new TreeMap<>(start.carried());
        files.put(WRITTEN, context.work().resolve(WRITTEN));
        new SyntheticText(model, TuneRequest.output(context.job()), samples, provider)
                .save(tune.samples(), BATCH, tune.training().seed(), files.get(WRITTEN), progress);
        return new Outcome.Continue(files);
    }

    private TuningRun run(
            Graph model,
            Optional<RoundedWidths> rounded,
            QuantizationPlan plan,
            Samples samples,
            StageContext context,
            Path scratch) {
        var settings = TuneRequest.settings(context.job());
        int batch = JobData.batch(context, BATCH);
        return rounded.isPresent()
                ? TuningRun.ofRounded(model, rounded.get().base(), plan, samples, settings, batch, provider, scratch)
                : new TuningRun(model, plan, samples, settings, batch, provider, scratch);
    }

    private Outcome advance(
            TuningRun run,
            Optional<RoundedWidths> rounded,
            Start start,
            Graph model,
            QuantizationPlan plan,
            StageContext context,
            Progress progress)
            throws IOException {
        context.job()
                .recipe()
                .tune()
                .minutes()
                .ifPresent(minutes ->
                        run.within(minutes * 60, context.spent().get().compute()));
        var checkpoint = context.checkpoint().filter(TuningRun::isIn);
        if (checkpoint.isPresent()) {
            run.restore(checkpoint.get());
        }
        return run.advance(new Slice(slice), progress)
                ? done(run, rounded, start, model, plan, context)
                : checkpoint(run, rounded, start, context);
    }

    private static Outcome checkpoint(TuningRun run, Optional<RoundedWidths> rounded, Start start, StageContext context)
            throws IOException {
        var folder = Files.createDirectory(context.work().resolve("checkpoint"));
        run.save(folder);
        var all = new TreeMap<>(start.carried());
        rounded.ifPresent(widths -> all.putAll(widths.files()));
        context.checkpoint()
                .map(earlier -> earlier.resolve(WRITTEN))
                .filter(Files::exists)
                .ifPresent(file -> all.put(WRITTEN, file));
        try (var files = Files.list(folder)) {
            files.forEach(file -> all.put(file.getFileName().toString(), file));
        }
        return new Outcome.Continue(all);
    }

    private static Outcome done(
            TuningRun run,
            Optional<RoundedWidths> rounded,
            Start start,
            Graph model,
            QuantizationPlan plan,
            StageContext context)
            throws IOException {
        var result = run.result();
        var steps = Stream.of(
                        start.fineTuning().stream(),
                        rounded.stream().flatMap(widths -> widths.steps().stream()),
                        result.steps().stream())
                .flatMap(Function.identity())
                .toList();
        boolean untouched = result.model() == model && start.calibrated().isEmpty();
        var files = new TreeMap<>(
                untouched ? StageContext.named(context.files("model")) : context.write(result.model(), "model.onnx"));
        files.put("plan.json", result.plan() == plan ? start.plan() : write(result.plan(), context));
        files.put("tuning.json", Files.write(context.work().resolve("tuning.json"), Json.bytes(steps)));
        files.putAll(start.calibrated());
        rounded.ifPresent(widths -> files.putAll(widths.others()));
        var summary = Json.MAPPER.createObjectNode().set("steps", Json.tree(steps));
        return new Outcome.Done(files, summary);
    }

    private static Path write(QuantizationPlan plan, StageContext context) throws IOException {
        var file = context.work().resolve("plan.json");
        plan.write(file);
        return file;
    }
}
