package dev.quantline.quantize.workflow;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.quantize.export.Report;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.settings.Hashes;
import dev.quantline.quantize.settings.Recipe;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** Quantizes a model in this process, without a broker or a store, with the same bytes as the services for the same request. */
public final class Quantline {
    private static final double NANOS = 1e9;

    private final Path original;
    private final Data data;
    private final QuantizationSettings settings;
    private final Path folder;
    private final Listener listener;
    private final Provider provider;
    private final Map<String, Report.Stage> times = new LinkedHashMap<>();
    private long began = System.nanoTime();

    private Quantline(
            Path original,
            Data data,
            QuantizationSettings settings,
            Path folder,
            Provider provider,
            Listener listener) {
        this.original = original;
        this.data = data;
        this.settings = settings;
        this.folder = folder;
        this.provider = provider;
        this.listener = listener;
    }

    /** The stages on the way to a quantized model, in order. */
    public enum Stage {
        PROFILE,
        CALIBRATE,
        TUNE,
        EXPORT
    }

    /** Receives progress. */
    @FunctionalInterface
    public interface Listener {
        /**
         * Called often.
         *
         * @param fraction of the stage that is done, 0 to 1
         * @param message  the current activity, for users
         * @throws java.util.concurrent.CancellationException to stop the run
         */
        void hear(Stage stage, double fraction, String message);
    }

    /**
     * Files of samples: {@code .npz} with one array for each input of the model.
     *
     * @param calibration data on which ranges are found, layers tuned and sensitivities measured
     * @param evaluation  data for evaluating the result, with the arrays of the metric; empty: the calibration data
     * @param training    data for recipes with fine-tuning, with the arrays of the task; empty: the calibration data
     */
    public record Data(List<Path> calibration, List<Path> evaluation, List<Path> training) {
        /** One file for everything. */
        public static Data of(Path calibration) {
            return new Data(List.of(calibration), List.of(), List.of());
        }

        private List<Path> judged() {
            return evaluation.isEmpty() ? calibration : evaluation;
        }

        private List<Path> trained() {
            return training.isEmpty() ? calibration : training;
        }
    }

    /**
     * The result of quantization.
     *
     * @param model the quantized model
     * @param plan  the plan that it was made from
     */
    public record Quantized(Graph model, Report report, QuantizationPlan plan) {}

    /** The version of this library, as stated in the files that it writes. */
    public static String version() {
        try (var in = Quantline.class.getResourceAsStream("version.txt")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).strip();
        } catch (IOException e) {
            throw new IllegalStateException("version.txt", e);
        }
    }

    /**
     * Quantizes for every processor, judged by the closeness of outputs to the float model's; leaves no files.
     *
     * @param data one {@code .npz} for everything
     * @throws BadInput if the model or the data cannot be used; the message says what to do
     */
    public static Quantized quantize(Path model, Path data, Recipe recipe, Listener listener) throws IOException {
        var folder = Files.createTempDirectory("quantline");
        try {
            return quantize(model, Data.of(data), QuantizationSettings.of(recipe), folder, listener);
        } finally {
            delete(folder);
        }
    }

    /** The same as {@link #quantize(Path, Data, QuantizationSettings, Path, Provider, Listener)}, on the processor. */
    public static Quantized quantize(
            Path model, Data data, QuantizationSettings settings, Path folder, Listener listener) throws IOException {
        return quantize(model, data, settings, folder, Provider.cpu(), listener);
    }

    /**
     * Quantizes.
     *
     * @param folder receives {@code model.onnx}, {@code report.json} and {@code report.html}; temporary files are also written there
     *               and deleted at the end
     * @param provider where models run; results of a GPU differ from those of the processor in the last bits
     * @throws BadInput if the model or the data cannot be used, or the budget cannot be kept; the message says what to do
     */
    public static Quantized quantize(
            Path model, Data data, QuantizationSettings settings, Path folder, Provider provider, Listener listener)
            throws IOException {
        if (!data.training().isEmpty() && settings.recipe().tune().quanttune().isEmpty()) {
            throw new BadInput("training data: nothing would use it, because the recipe has no tune.quanttune");
        }
        var scratch = Files.createDirectories(folder.resolve("scratch"));
        try {
            return new Quantline(model, data, settings, folder, provider, listener).run(scratch);
        } finally {
            delete(scratch);
        }
    }

    private Quantized run(Path scratch) throws IOException {
        var calibration = data.calibration();
        var profiled =
                ProfileStep.run(ModelFile.read(original), calibration, settings, provider, progress(Stage.PROFILE));
        var train = train(profiled, Files.createDirectory(scratch.resolve("profiled")));
        var resources = new Resources(
                provider,
                Resources.batch(profiled.profile()),
                new Spilling(Files.createDirectory(scratch.resolve("activations")), Spilling.MEMORY));
        finished(Stage.PROFILE);

        var calibrated = CalibrateStep.run(
                profiled.model(),
                profiled.profile(),
                calibration,
                settings,
                resources,
                progress(Stage.CALIBRATE),
                _ -> {});
        var left = Files.createDirectory(scratch.resolve("calibrated"));
        var input = new TuneStep.Input(
                ModelFile.write(calibrated.model(), left.resolve(TuneStep.MODEL)),
                left.resolve(TuneStep.PLAN),
                left.resolve(TuneStep.TABLE),
                calibration,
                train);
        calibrated.plan().write(input.plan());
        calibrated.table().write(input.table());
        finished(Stage.CALIBRATE);

        var tuned = TuneStep.run(input, settings, resources, scratch.resolve("tuned"), progress(Stage.TUNE));
        finished(Stage.TUNE);

        return export(TunedModel.read(name -> file(name, tuned, input), settings.recipe()), profiled, resources);
    }

    private Optional<TuneStep.Train> train(ProfileStep.Result profiled, Path left) throws IOException {
        if (settings.recipe().tune().quanttune().isEmpty()) {
            return Optional.empty();
        }
        var train = new TuneStep.Train(left.resolve("model.onnx"), left.resolve("profile.json"), data.trained());
        ModelFile.write(profiled.model(), train.prepared());
        profiled.profile().write(train.profile());
        return Optional.of(train);
    }

    /** Files that fine-tuning did not replace are those of calibration. */
    private Optional<Path> file(String name, TuneStep.Slice.Done tuned, TuneStep.Input input) {
        return Optional.ofNullable(tuned.files().get(name)).or(() -> switch (name) {
            case TuneStep.TABLE -> Optional.of(input.table());
            case TuneStep.CALIBRATED ->
                settings.recipe().allocate().map(_ -> input.model().getFirst());
            default -> Optional.empty();
        });
    }

    private Quantized export(TunedModel tuned, ProfileStep.Result profiled, Resources resources) throws IOException {
        var modelFiles = new ArrayList<>(List.of(original));
        ModelFile.externalNames(original).forEach(name -> modelFiles.add(original.resolveSibling(name)));
        var provenance = ExportStep.provenance(hash(modelFiles), hash(data.calibration()), settings, version());
        var step = new ExportStep("", original, tuned, settings, provenance, resources);
        var progress = progress(Stage.EXPORT);
        boolean allocated = settings.recipe().allocate().isPresent();
        var measured = allocated
                ? Optional.of(step.measure(data.calibration(), progress.part(0, 0.5)))
                : Optional.<ExportStep.Measured>empty();
        var exported = step.run(measured, data.judged(), folder, progress.part(allocated ? 0.5 : 0, 1));
        finished(Stage.EXPORT);
        var report = exported.report().withNotes(profiled.unused()).withStages(times);
        report.write(folder, step.plots());
        return new Quantized(ModelFile.read(folder.resolve("model.onnx")), report, exported.plan());
    }

    private Progress progress(Stage stage) {
        return (fraction, message) -> listener.hear(stage, fraction, message);
    }

    private void finished(Stage stage) {
        long now = System.nanoTime();
        times.put(stage.name().toLowerCase(Locale.ROOT), new Report.Stage((now - began) / NANOS, 0));
        began = now;
    }

    private static String hash(List<Path> files) throws IOException {
        var hashes = new ArrayList<String>();
        for (var file : files) {
            hashes.add(Hashes.of(file));
        }
        return Hashes.ofAll(hashes);
    }

    private static void delete(Path folder) throws IOException {
        try (var all = Files.walk(folder)) {
            for (var path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
