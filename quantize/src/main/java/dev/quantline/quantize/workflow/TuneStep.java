package dev.quantline.quantize.workflow;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.tune.SyntheticText;
import dev.quantline.quantize.tune.Tuner;
import dev.quantline.quantize.tune.TuningRun;
import dev.quantline.quantize.workflow.FineTunePhase.Start;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.function.DoubleSupplier;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * Tunes the float model for its plan, fine-tuning and recalibrating it first if the recipe requests that. It works on files:
 * unchanged files pass through. Long tuning runs in slices, each of which leaves a checkpoint to resume from, giving the same bytes
 * as an uninterrupted run.
 *
 * @param work       an empty folder for the files that the slice writes
 * @param checkpoint a folder with the files of {@link Slice.Paused}, if this is a later slice
 * @param spent      seconds of computation in tuning so far, if the recipe limits them
 */
public record TuneStep(
        Input input,
        QuantizationSettings settings,
        Resources resources,
        Path work,
        Optional<Path> checkpoint,
        DoubleSupplier spent) {
    /** The tuned float model, among the files of a finished tuning. */
    public static final String MODEL = "model.onnx";
    /** The plan that belongs to it. */
    public static final String PLAN = "plan.json";
    /** The steps taken. */
    public static final String STEPS = "tuning.json";
    /** The fine-tuned float model before the rest of tuning; present only if fine-tuning was kept. */
    public static final String CALIBRATED = "calibrated.onnx";
    /** The calibration table of {@link #CALIBRATED}. */
    public static final String TABLE = "calibration.json";

    /** Share of the progress for rounding if there are several widths to round to. */
    private static final double ROUNDING = 0.7;

    static final double WRITING = 0.1;
    static final String WRITTEN = "written.npz";

    /**
     * The input of tuning.
     *
     * @param model float model that the plan belongs to, followed by its external data
     * @param table result of its calibration
     * @param train additional input of fine-tuning; empty if the recipe requests none
     */
    public record Input(List<Path> model, Path plan, Path table, List<Path> calibration, Optional<Train> train) {}

    /**
     * The input of fine-tuning.
     *
     * @param prepared canonical float model before calibration
     * @param profile  profile of that model
     * @param data     samples to train on, with labels or scores if the task needs them
     */
    public record Train(Path prepared, Path profile, List<Path> data) {}

    /** How a slice ended. */
    public sealed interface Slice {
        /** Everything is done; files by name. */
        record Done(Map<String, Path> files, List<Tuner.Step> steps) implements Slice {}

        /** There is more to do; files by the name that they must have in the checkpoint's folder. */
        record Paused(Map<String, Path> checkpoint) implements Slice {}
    }

    /** Name of the float model with the weights for another width, if widths are allocated. */
    public static String rounded(int bits) {
        return "rounded-" + bits + ".onnx";
    }

    /**
     * Tunes in one go.
     *
     * @param folder an empty folder for results and checkpoints
     */
    public static Slice.Done run(
            Input input, QuantizationSettings settings, Resources resources, Path folder, Progress progress)
            throws IOException {
        if (SharedTuning.isAskedFor(settings)) {
            return SharedTuning.run(input, settings, resources, folder, progress);
        }
        return run(input, settings, resources, folder, step -> step.advance(() -> false, progress));
    }

    /** What a slice does. */
    interface Advance {
        Slice slice(TuneStep step) throws IOException;
    }

    /** All slices, one after the other. */
    static Slice.Done run(Input input, QuantizationSettings settings, Resources resources, Path folder, Advance advance)
            throws IOException {
        long began = System.nanoTime();
        var checkpoint = Optional.<Path>empty();
        for (int slice = 0; ; slice++) {
            var work = Files.createDirectories(folder.resolve("slice-" + slice));
            var step =
                    new TuneStep(input, settings, resources, work, checkpoint, () -> (System.nanoTime() - began) / 1e9);
            switch (advance.slice(step)) {
                case Slice.Done done -> {
                    return done;
                }
                case Slice.Paused paused -> {
                    checkpoint = Optional.of(gathered(folder.resolve("checkpoint-" + slice), paused.checkpoint()));
                }
            }
        }
    }

    /**
     * Runs one slice.
     *
     * @param stop asked between training steps; true ends the slice
     */
    public Slice advance(BooleanSupplier stop, Progress progress) throws IOException {
        var start = FineTunePhase.start(this);
        return start.isEmpty()
                ? new FineTunePhase(this, stop, progress.part(0, FineTunePhase.SHARE)).run()
                : tune(
                        start.get(),
                        stop,
                        progress.part(start.get().fineTuning().isPresent() ? FineTunePhase.SHARE : 0, 1));
    }

    /** Copies files into a new folder, under their names. */
    static Path gathered(Path target, Map<String, Path> files) throws IOException {
        Files.createDirectory(target);
        for (var file : files.entrySet()) {
            Files.copy(file.getValue(), target.resolve(file.getKey()));
        }
        return target;
    }

    /** The calibration data, or what the model itself wrote in its place. */
    Samples samples(Graph model, Optional<Path> written) throws IOException {
        var dataset = written.isPresent()
                ? Dataset.open(List.of(written.get()))
                : settings.data().dataset(input.calibration(), model);
        return settings.data().bind(dataset, model);
    }

    /** A file of the checkpoint. */
    Optional<Path> carried(String name) {
        return checkpoint.map(folder -> folder.resolve(name)).filter(Files::exists);
    }

    /** Writes a model with its external data, if any, to the work folder; returns the files by name. */
    Map<String, Path> write(Graph model, String name) throws IOException {
        return named(ModelFile.write(model, work.resolve(name)));
    }

    static Map<String, Path> named(List<Path> files) {
        var named = new TreeMap<String, Path>();
        files.forEach(file -> named.put(file.getFileName().toString(), file));
        return named;
    }

    private Slice tune(Start start, BooleanSupplier stop, Progress progress) throws IOException {
        progress.report(0, "reading the model");
        var model = ModelFile.read(start.model().getFirst());
        var plan = QuantizationPlan.read(start.plan());
        var scratch = Files.createDirectory(work.resolve("activations"));
        var written = carried(WRITTEN);
        try (var samples = samples(model, written)) {
            if (written.isEmpty() && lacksText(model, samples)) {
                return write(model, samples, start, progress.part(0, WRITING));
            }
            var rounded = settings.recipe().otherWidths().isEmpty()
                    ? Optional.<RoundedWidths>empty()
                    : Optional.of(RoundedWidths.of(model, plan, samples, start, this, progress.part(0, ROUNDING)));
            var tuning = settings.tuning();
            int batch = resources.batch();
            var provider = resources.provider();
            try (var run = rounded.isPresent()
                    ? TuningRun.ofRounded(model, rounded.get().base(), plan, samples, tuning, batch, provider, scratch)
                    : new TuningRun(model, plan, samples, tuning, batch, provider, scratch)) {
                settings.recipe().tune().minutes().ifPresent(minutes -> run.within(minutes * 60, spent.getAsDouble()));
                var saved = checkpoint.filter(TuningRun::isIn);
                if (saved.isPresent()) {
                    run.restore(saved.get());
                }
                return run.advance(stop, progress.part(rounded.isPresent() ? ROUNDING : 0, 1))
                        ? done(run.result(), rounded, start, model, plan)
                        : paused(run, rounded, start);
            }
        }
    }

    boolean lacksText(Graph model, Samples samples) {
        var tune = settings.recipe().tune();
        return tune.write()
                && settings.isText()
                && samples.size() < tune.samples()
                && SyntheticText.writes(model, settings.measure().output());
    }

    Slice write(Graph model, Samples samples, Start start, Progress progress) throws IOException {
        var tune = settings.recipe().tune();
        var files = new TreeMap<>(start.carried());
        files.put(WRITTEN, work.resolve(WRITTEN));
        new SyntheticText(model, settings.measure().output(), samples, resources.provider())
                .save(tune.samples(), Resources.MOST, tune.training().seed(), files.get(WRITTEN), progress);
        return new Slice.Paused(files);
    }

    Slice paused(TuningRun run, Optional<RoundedWidths> rounded, Start start) throws IOException {
        var folder = Files.createDirectory(work.resolve("checkpoint"));
        run.save(folder);
        var all = new TreeMap<>(start.carried());
        rounded.ifPresent(widths -> all.putAll(widths.files()));
        carried(WRITTEN).ifPresent(file -> all.put(WRITTEN, file));
        try (var files = Files.list(folder)) {
            all.putAll(named(files.toList()));
        }
        return new Slice.Paused(all);
    }

    Slice done(Tuner.Result result, Optional<RoundedWidths> rounded, Start start, Graph model, QuantizationPlan plan)
            throws IOException {
        var steps = Stream.of(
                        start.fineTuning().stream(),
                        rounded.stream().flatMap(widths -> widths.steps().stream()),
                        result.steps().stream())
                .flatMap(Function.identity())
                .toList();
        boolean untouched = result.model() == model && start.calibrated().isEmpty();
        var files = new TreeMap<>(untouched ? named(input.model()) : write(result.model(), MODEL));
        files.put(PLAN, result.plan() == plan ? start.plan() : work.resolve(PLAN));
        if (result.plan() != plan) {
            result.plan().write(files.get(PLAN));
        }
        files.put(STEPS, Files.write(work.resolve(STEPS), Json.bytes(steps)));
        files.putAll(start.calibrated());
        rounded.ifPresent(widths -> files.putAll(widths.others()));
        return new Slice.Done(files, steps);
    }
}
