package dev.quantline.tuner;

import dev.quantline.allocate.Candidates;
import dev.quantline.allocate.Width;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
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
import dev.quantline.plan.CalibrationTable;
import dev.quantline.plan.QuantizationPlan;
import dev.quantline.runtime.Provider;
import dev.quantline.runtime.Samples;
import dev.quantline.tune.RoundedCandidates;
import dev.quantline.tune.TuningRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;

/**
 * Tunes the float model for its plan; what did not change passes through. Tuning that takes longer goes in time slices,
 * each of which leaves a checkpoint that any replica goes on from.
 */
final class TuneStage implements SingleItemStage {
    private static final int BATCH = 16;
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

    private record Settings(Recipe.Tune tune, List<Width> widths, Map<String, JobRequest.Normalize> normalize) {
    }

    @Override
    public StageName name() {
        return StageName.TUNE;
    }

    @Override
    public Map<String, Source> inputs(JobRequest job, Earlier earlier) {
        return Map.of("model", earlier.file(StageName.CALIBRATE, "model.onnx"),
                "plan", earlier.file(StageName.CALIBRATE, "plan.json"),
                "table", earlier.file(StageName.CALIBRATE, "calibration.json"),
                "calibration", earlier.input(StageName.PROFILE, "calibration"));
    }

    @Override
    public Object settings(JobRequest job) {
        return new Settings(job.recipe().tune(), job.recipe().widths(), job.normalize());
    }

    @Override
    public Outcome run(StageContext context, Item item) throws IOException {
        context.progress().report(0, "reading the model");
        var model = ModelFile.read(context.file("model"));
        var plan = QuantizationPlan.read(context.file("plan"));
        var scratch = Files.createDirectory(context.work().resolve("activations"));
        try (var data = JobData.open(context, "calibration")) {
            var samples = JobData.bind(data, model, context.job());
            var outcome = tune(model, plan, samples, scratch, context);
            return outcome instanceof Outcome.Done done ? done.with(rounded(model, plan, samples, context)) : outcome;
        }
    }

    private Outcome tune(Graph model, QuantizationPlan plan, Samples samples, Path scratch, StageContext context) throws IOException {
        try (var run = new TuningRun(model, plan, samples, TuneRequest.settings(context.job().recipe().tune()), BATCH, provider, scratch)) {
            if (context.checkpoint().isPresent()) {
                run.restore(context.checkpoint().get());
            }
            var finished = run.advance(sliceEnd(), context.progress());
            return finished ? done(run, model, plan, context) : checkpoint(run, context);
        }
    }

    /** The float model rounded to every width that layers may be given, each as a file. */
    private Map<String, Path> rounded(Graph model, QuantizationPlan plan, Samples samples, StageContext context) throws IOException {
        var recipe = context.job().recipe();
        if (recipe.roundedWidths().isEmpty()) {
            return Map.of();
        }
        var plans = Candidates.of(model, plan, recipe.base(), CalibrationTable.read(context.file("table")), recipe.widths()).plans();
        var byWeights = new TreeMap<Integer, QuantizationPlan>();
        recipe.widths().forEach(width -> byWeights.putIfAbsent(width.weights(), plans.get(width)));
        var files = new TreeMap<String, Path>();
        for (var rounded : RoundedCandidates.of(model, byWeights, samples, recipe.tune().samples(), BATCH, provider,
                context.progress()).entrySet()) {
            files.putAll(context.write(rounded.getValue(), "rounded-" + rounded.getKey() + ".onnx"));
        }
        return files;
    }

    /** The clock starts when training does: collecting activations must not use up the slice, or nothing would ever move. */
    private BooleanSupplier sliceEnd() {
        var started = new long[1];
        return () -> {
            if (started[0] == 0) {
                started[0] = System.nanoTime();
                return false;
            }
            return System.nanoTime() - started[0] >= slice.toNanos();
        };
    }

    private static Outcome checkpoint(TuningRun run, StageContext context) throws IOException {
        var folder = Files.createDirectory(context.work().resolve("checkpoint"));
        run.save(folder);
        try (var files = Files.list(folder)) {
            return new Outcome.Continue(files.collect(Collectors.toMap(file -> file.getFileName().toString(),
                    file -> file, (one, other) -> one, TreeMap::new)));
        }
    }

    private static Outcome done(TuningRun run, Graph model, QuantizationPlan plan, StageContext context)
            throws IOException {
        var result = run.result();
        var files = new TreeMap<>(result.model() == model ? StageContext.named(context.files("model"))
                : context.write(result.model(), "model.onnx"));
        files.put("plan.json", result.plan() == plan ? context.file("plan") : write(result.plan(), context));
        files.put("tuning.json", Files.write(context.work().resolve("tuning.json"), Json.bytes(result.steps())));
        var summary = Json.MAPPER.createObjectNode().set("steps", Json.tree(result.steps()));
        return new Outcome.Done(files, summary);
    }

    private static Path write(QuantizationPlan plan, StageContext context) throws IOException {
        var file = context.work().resolve("plan.json");
        plan.write(file);
        return file;
    }
}
