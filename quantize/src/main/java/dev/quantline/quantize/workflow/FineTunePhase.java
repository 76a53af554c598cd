package dev.quantline.quantize.workflow;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Progress;
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
 * The first phase of tuning, if a job requests it: the float network is fine-tuned, profiled and calibrated again. Its last slice
 * writes what the later phases start from, unless the network as calibrated before has a smaller loss.
 */
final class FineTunePhase {
    /** Share of the stage's progress. */
    static final double SHARE = 0.5;

    /** Its name in reports. */
    static final String METHOD = "quanttune";

    private static final String CHECKPOINT = "finetuning.npz";
    private static final String PLAN = "calibrated-plan.json";
    private static final String STEP = "finetuning.json";

    private final TuneStep tune;
    private final TuneStep.Train train;
    private final BooleanSupplier stop;
    private final Progress progress;

    FineTunePhase(TuneStep tune, BooleanSupplier stop, Progress progress) {
        this.tune = tune;
        this.train = tune.input().train().orElseThrow();
        this.stop = stop;
        this.progress = progress;
    }

    /**
     * The input of the later phases of tuning.
     *
     * @param model      float network that the plan belongs to, followed by its external data
     * @param table      result of its calibration
     * @param fineTuning the step of fine-tuning; empty if there was none
     * @param calibrated files of fine-tuning, if it was kept
     * @param step       the file with the step; empty if there was none
     */
    record Start(
            List<Path> model,
            Path plan,
            Path table,
            Optional<Tuner.Step> fineTuning,
            Map<String, Path> calibrated,
            Optional<Path> step) {
        /** Files that a checkpoint must carry. */
        Map<String, Path> carried() {
            var files = new TreeMap<>(calibrated);
            step.ifPresent(file -> files.put(STEP, file));
            if (!calibrated.isEmpty()) {
                files.put(PLAN, plan);
            }
            return files;
        }
    }

    /** The start of the later phases; empty if this phase has work to do first. */
    static Optional<Start> start(TuneStep tune) throws IOException {
        var told = tune.carried(STEP);
        if (tune.settings().recipe().tune().quanttune().isPresent() && told.isEmpty()) {
            return Optional.empty();
        }
        var fineTuning = told.isEmpty()
                ? Optional.<Tuner.Step>empty()
                : Optional.of(Json.MAPPER.readValue(told.get().toFile(), Tuner.Step.class));
        if (fineTuning.filter(Tuner.Step::kept).isEmpty()) {
            var input = tune.input();
            return Optional.of(new Start(input.model(), input.plan(), input.table(), fineTuning, Map.of(), told));
        }
        var folder = told.get().getParent();
        var calibrated = new TreeMap<String, Path>();
        for (String name : List.of(TuneStep.CALIBRATED, TuneStep.CALIBRATED + ".data", TuneStep.TABLE)) {
            if (Files.exists(folder.resolve(name))) {
                calibrated.put(name, folder.resolve(name));
            }
        }
        var model = calibrated.entrySet().stream()
                .filter(file -> file.getKey().startsWith(TuneStep.CALIBRATED))
                .map(Map.Entry::getValue)
                .toList();
        return Optional.of(
                new Start(model, folder.resolve(PLAN), folder.resolve(TuneStep.TABLE), fineTuning, calibrated, told));
    }

    /** Runs one slice. */
    TuneStep.Slice run() throws IOException {
        progress.report(0, "reading the model");
        var settings = tune.settings();
        var prepared = ModelFile.read(train.prepared());
        var quantized = QuantizationPlan.read(tune.input().plan())
                .applyTo(ModelFile.read(tune.input().model().getFirst()));
        try (var samples = settings.data().open(train.data(), prepared);
                var tuning = new FineTuning(
                        prepared,
                        quantized,
                        samples,
                        settings.fineTuning().orElseThrow(),
                        settings.recipe().exclude(),
                        tune.resources().provider())) {
            if (tune.checkpoint().isPresent()) {
                tuning.restore(tune.checkpoint().get().resolve(CHECKPOINT));
            }
            if (!tuning.advance(stop, progress.part(0, 0.9).of("fine-tuning", ""))) {
                var checkpoint = tune.work().resolve(CHECKPOINT);
                tuning.save(checkpoint);
                return new TuneStep.Slice.Paused(Map.of(CHECKPOINT, checkpoint));
            }
            return new TuneStep.Slice.Paused(calibrated(tuning, quantized));
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
                        tune.work().resolve(STEP),
                        Json.bytes(new Tuner.Step(METHOD, "", before, after, kept, tuning.curve()))));
        if (kept) {
            files.putAll(tune.write(calibrated.model(), TuneStep.CALIBRATED));
            files.put(PLAN, tune.work().resolve(PLAN));
            calibrated.plan().write(files.get(PLAN));
            files.put(TuneStep.TABLE, tune.work().resolve(TuneStep.TABLE));
            calibrated.table().write(files.get(TuneStep.TABLE));
        }
        return files;
    }

    private Calibrator.Result calibrate(Graph model) throws IOException {
        var recipe = tune.settings().recipe();
        var calibration = tune.input().calibration();
        Profile profile;
        try (var samples = tune.settings().data().open(calibration, model)) {
            profile = Profiler.observe(
                    model,
                    samples,
                    0,
                    samples.size(),
                    Resources.MOST,
                    recipe.exclude(),
                    recipe.calibrate().padding(),
                    tune.resources().provider(),
                    progress.part(0.9, 0.93));
        }
        return CalibrateStep.run(
                model,
                profile.withRewrites(Profile.read(train.profile()).rewrites()),
                calibration,
                tune.settings(),
                tune.resources(),
                progress.part(0.93, 1),
                _ -> {});
    }
}
