package dev.quantline.bench.tune;

import dev.quantline.calibrate.CalibrateSettings;
import dev.quantline.calibrate.Calibrator;
import dev.quantline.evaluate.Fidelity;
import dev.quantline.evaluate.Metric;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.profile.Profiler;
import dev.quantline.runtime.Dataset;
import dev.quantline.runtime.Normalization;
import dev.quantline.runtime.Progress;
import dev.quantline.runtime.Provider;
import dev.quantline.runtime.Samples;
import dev.quantline.runtime.Session;
import dev.quantline.tune.Training;
import dev.quantline.tune.Training.Distance;
import dev.quantline.tune.TuneSettings;
import dev.quantline.tune.TuneSettings.Method;
import dev.quantline.tune.TuneSettings.Whole;
import dev.quantline.tune.Tuner;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What each method and knob of tuning is worth: AdaQuant against AdaRound against block reconstruction, MSE against MAE,
 * without and with QPRep and across-block calibration, parallel against sequential. Arguments: the model, a folder with
 * {@code calibration.npz} and {@code validation.npz}, the metric, validation samples (labelled pairs are two), widths as
 * {@code 4/8}, calibration samples, steps, and optionally the first words of the rows wanted.
 */
public final class Ablation {
    private static final int BATCH = 16;
    private static final int PROFILED = 128;
    /** Of the trained CIFAR-10 transformer and RepVGG; other models take floats or tokens. */
    private static final Normalization IMAGES = new Normalization(new float[] {.4914f, .4822f, .4465f},
        new float[] {.2470f, .2435f, .2616f});

    private Ablation() {
    }

    public static void main(String[] arguments) throws IOException {
        var folder = Path.of(arguments[1]);
        var widths = arguments[4].split("/");
        int samples = Integer.parseInt(arguments[5]);
        int steps = Integer.parseInt(arguments[6]);
        String wanted = arguments.length > 7 ? arguments[7] : "";
        var model = Profiler.prepare(ModelFile.read(Path.of(arguments[0])));
        try (var data = Dataset.open(List.of(folder.resolve("calibration.npz")));
             var held = Dataset.open(List.of(folder.resolve("validation.npz")))) {
            Map<String, Normalization> images = data.has("image") ? Map.of("image", IMAGES) : Map.of();
            var calibration = new Samples(data, model, images);
            var validation = new Samples(held, model, images);
            var profile = Profiler.observe(model, calibration, 0, Math.min(PROFILED, calibration.size()), BATCH, List.of(),
                Provider.cpu(), Progress.none());
            var start = Calibrator.calibrate(model, profile, calibration, CalibrateSettings.searched(Integer.parseInt(widths[0]),
                Integer.parseInt(widths[1]), List.of()), BATCH, Provider.cpu(), Progress.none());
            System.out.printf("| W%sA%s, %d samples, %d steps | %5$s, float | %5$s | cosine | error of held-out outputs | seconds |%n"
                + "|---|---|---|---|---|---|%n", widths[0], widths[1], samples, steps, arguments[2]);
            int evaluated = Integer.parseInt(arguments[3]);
            System.out.printf("| calibrated | %s | | |%n",
                quality(model, start.plan().applyTo(start.model()), validation, arguments[2], evaluated));
            for (var row : rows(samples, steps).entrySet()) {
                if (row.getKey().startsWith(wanted)) {
                    long began = System.nanoTime();
                    var tuned = Tuner.tune(start.model(), start.plan(), calibration, row.getValue(), BATCH, Provider.cpu(),
                        Progress.none());
                    double seconds = (System.nanoTime() - began) / 1e9;
                    System.out.printf("| %s | %s | %.4f | %.0f |%n", row.getKey(), quality(model, tuned.plan().applyTo(tuned.model()),
                        validation, arguments[2], evaluated), tuned.steps().getLast().errorAfter(), seconds);
                }
            }
        }
    }

    private static Map<String, TuneSettings> rows(int samples, int steps) {
        var rows = new LinkedHashMap<String, TuneSettings>();
        var mse = training(steps, 0.5, Distance.MSE, 0);
        rows.put("bias correction", TuneSettings.biases(true, samples));
        rows.put("adaquant, parallel", settings(Method.ADAQUANT, false, samples, false, Whole.OFF, mse));
        rows.put("adaquant, sequential", settings(Method.ADAQUANT, true, samples, false, Whole.OFF, mse));
        rows.put("adaround, sequential", settings(Method.ADAROUND, true, samples, false, Whole.OFF, mse));
        rows.put("reconstruct, parallel", settings(Method.RECONSTRUCT, false, samples, false, Whole.OFF, mse));
        rows.put("reconstruct", settings(Method.RECONSTRUCT, true, samples, false, Whole.OFF, mse));
        rows.put("reconstruct, no float inputs", settings(Method.RECONSTRUCT, true, samples, false, Whole.OFF,
            training(steps, 0, Distance.MSE, 0)));
        rows.put("reconstruct, MAE", settings(Method.RECONSTRUCT, true, samples, false, Whole.OFF, training(steps, 0.5, Distance.MAE, 0)));
        rows.put("reconstruct, QPRep", settings(Method.RECONSTRUCT, true, samples, true, Whole.OFF, mse));
        rows.put("reconstruct, ABC", settings(Method.RECONSTRUCT, true, samples, false, Whole.OFF, training(steps, 0.5, Distance.MSE, 1)));
        rows.put("reconstruct, MAE, QPRep, ABC", settings(Method.RECONSTRUCT, true, samples, true, Whole.OFF,
            training(steps, 0.5, Distance.MAE, 1)));
        rows.put("reconstruct, then biases of the whole", settings(Method.RECONSTRUCT, true, samples, false, Whole.BIASES, mse));
        rows.put("reconstruct, then the whole", settings(Method.RECONSTRUCT, true, samples, false, Whole.ALL, mse));
        return rows;
    }

    private static TuneSettings settings(Method method, boolean sequential, int samples, boolean affine, Whole whole, Training training) {
        return new TuneSettings(false, samples, method, sequential, List.of(), affine, whole, false, training);
    }

    private static Training training(int steps, double mix, Distance loss, double ahead) {
        var usual = Training.standard();
        return new Training(steps, usual.batch(), mix, loss, usual.weightRate(), usual.roundingRate(), usual.biasRate(),
            usual.weightScaleRate(), usual.scaleRate(), usual.affineRate(), usual.rounding(), ahead, usual.seed());
    }

    private static String quality(Graph model, Graph quantized, Samples validation, String metric, int evaluated) throws IOException {
        var before = Metric.of(metric, validation.dataset()).orElseThrow();
        var after = Metric.of(metric, validation.dataset()).orElseThrow();
        var fidelity = new Fidelity();
        try (var original = Session.open(model, Provider.cpu(), Session.Optimization.ALL);
             var changed = Session.open(quantized, Provider.cpu(), Session.Optimization.ALL)) {
            validation.forEachBatch(0, Math.min(evaluated, validation.size()), BATCH, fed -> {
                var expected = original.run(fed.arrays());
                var actual = changed.run(fed.arrays());
                before.add(fed, expected);
                after.add(fed, actual);
                fidelity.add(before.rows(fed, expected), after.rows(fed, actual));
            });
        }
        return "%.4f | %.4f | %.4f".formatted(before.value(), after.value(), fidelity.cosine());
    }
}
