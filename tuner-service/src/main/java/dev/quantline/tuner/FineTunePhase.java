package dev.quantline.tuner;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.pipeline.stage.JobCalibration;
import dev.quantline.pipeline.stage.JobData;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.quantize.calibrate.Calibrator;
import dev.quantline.quantize.finetune.FineTuning;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.profile.Profile;
import dev.quantline.quantize.profile.Profiler;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.tune.Tuner;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;

/**
 * The first phase of tuning where a job asks for it: the float network is fine-tuned, profiled and calibrated again. Its last
 * slice leaves what the phases behind it start from, unless the network as it was calibrated before loses less.
 */
final class FineTunePhase {
    /** Share of the stage's progress. */
    static final double SHARE = 0.5;

    private static final int BATCH = 16;
    private static final String CHECKPOINT = "finetuning.npz";
    private static final String MODEL = "calibrated.onnx";
    private static final String PLAN = "calibrated-plan.json";
    private static final String TABLE = "calibration.json";
    private static final String STEP = "finetuning.json";

    private final StageContext context;
    private final Provider provider;
    private final BooleanSupplier stop;
    private final Progress progress;

    FineTunePhase(StageContext context, Provider provider, BooleanSupplier stop) {
        this.context = context;
        this.provider = provider;
        this.stop = stop;
        progress = context.progress().part(0, SHARE);
    }

    /**
     * What tuning starts from.
     *
     * @param model      float network that the plan belongs to, its external data behind it
     * @param table      what its calibration found
     * @param fineTuning what fine-tuning did; empty when there was none
     * @param calibrated what it left, when it was kept
     * @param step       the file that tells; empty when there was none
     */
    record Start(
            List<Path> model,
            Path plan,
            Path table,
            Optional<Tuner.Step> fineTuning,
            Map<String, Path> calibrated,
            Optional<Path> step) {
        /** Files a checkpoint must carry on. */
        Map<String, Path> carried() {
            var files = new TreeMap<>(calibrated);
            step.ifPresent(file -> files.put(STEP, file));
            if (!calibrated.isEmpty()) {
                files.put(PLAN, plan);
            }
            return files;
        }
    }

    /** Where tuning starts; empty when this phase has work to do first. */
    static Optional<Start> start(StageContext context) throws IOException {
        var told = context.checkpoint().map(folder -> folder.resolve(STEP)).filter(Files::exists);
        if (context.job().recipe().tune().quanttune().isPresent() && told.isEmpty()) {
            return Optional.empty();
        }
        var fineTuning = told.isEmpty()
                ? Optional.<Tuner.Step>empty()
                : Optional.of(Json.MAPPER.readValue(told.get().toFile(), Tuner.Step.class));
        if (fineTuning.filter(Tuner.Step::kept).isEmpty()) {
            return Optional.of(new Start(
                    context.files("model"), context.file("plan"), context.file("table"), fineTuning, Map.of(), told));
        }
        var folder = told.get().getParent();
        var calibrated = new TreeMap<String, Path>();
        for (String name : List.of(MODEL, MODEL + ".data", TABLE)) {
            if (Files.exists(folder.resolve(name))) {
                calibrated.put(name, folder.resolve(name));
            }
        }
        var model = calibrated.entrySet().stream()
                .filter(file -> file.getKey().startsWith(MODEL))
                .map(Map.Entry::getValue)
                .toList();
        return Optional.of(new Start(model, folder.resolve(PLAN), folder.resolve(TABLE), fineTuning, calibrated, told));
    }

    /** One slice. */
    Outcome.Continue run() throws IOException {
        progress.report(0, "reading the model");
        var prepared = ModelFile.read(context.file("prepared"));
        var quantized = QuantizationPlan.read(context.file("plan")).applyTo(ModelFile.read(context.file("model")));
        try (var data = JobData.open(context, "training", prepared);
                var tuning = new FineTuning(
                        prepared,
                        quantized,
                        JobData.bind(data, prepared, context.job()),
                        TuneRequest.fineTuning(context.job()),
                        context.job().recipe().exclude(),
                        provider)) {
            if (context.checkpoint().isPresent()) {
                tuning.restore(context.checkpoint().get().resolve(CHECKPOINT));
            }
            if (!tuning.advance(stop, progress.part(0, 0.9).of("fine-tuning", ""))) {
                var checkpoint = context.work().resolve(CHECKPOINT);
                tuning.save(checkpoint);
                return new Outcome.Continue(Map.of(CHECKPOINT, checkpoint));
            }
            return new Outcome.Continue(calibrated(tuning, quantized));
        }
    }

    private Map<String, Path> calibrated(FineTuning tuning, Graph quantized) throws IOException {
        var calibrated = calibrate(tuning.result());
        double before = tuning.taskLoss(quantized);
        double after = tuning.taskLoss(calibrated.plan().applyTo(calibrated.model()));
        boolean kept = after < before;
        var files = new TreeMap<String, Path>();
        files.put(
                STEP,
                Files.write(
                        context.work().resolve(STEP),
                        Json.bytes(new Tuner.Step("quanttune", "", before, after, kept, tuning.curve()))));
        if (kept) {
            files.putAll(context.write(calibrated.model(), MODEL));
            files.put(PLAN, context.work().resolve(PLAN));
            calibrated.plan().write(files.get(PLAN));
            files.put(TABLE, context.work().resolve(TABLE));
            calibrated.table().write(files.get(TABLE));
        }
        return files;
    }

    private Calibrator.Result calibrate(Graph model) throws IOException {
        var recipe = context.job().recipe();
        try (var data = JobData.open(context, "calibration", model)) {
            var samples = JobData.bind(data, model, context.job());
            var rewrites = Profile.read(context.file("profile")).rewrites();
            var profile = Profiler.observe(
                            model,
                            samples,
                            0,
                            samples.size(),
                            BATCH,
                            recipe.exclude(),
                            recipe.calibrate().padding(),
                            provider,
                            progress.part(0.9, 0.93))
                    .withRewrites(rewrites);
            return Calibrator.calibrate(
                    model,
                    profile,
                    samples,
                    JobCalibration.settings(context),
                    JobData.batch(context, BATCH),
                    provider,
                    progress.part(0.93, 1));
        }
    }
}
