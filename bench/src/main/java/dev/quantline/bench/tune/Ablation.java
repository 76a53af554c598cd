package dev.quantline.bench.tune;

import dev.quantline.bench.Subject;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.calibrate.Calibrator;
import dev.quantline.quantize.evaluate.Evaluation;
import dev.quantline.quantize.settings.Distance;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Recipe.Training;
import dev.quantline.quantize.settings.Recipe.Tune;
import dev.quantline.quantize.settings.Rounding;
import dev.quantline.quantize.settings.TuningMethod;
import dev.quantline.quantize.settings.Whole;
import dev.quantline.quantize.tune.TuneSettings;
import dev.quantline.quantize.tune.Tuner;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What each method and knob of tuning contributes: compensated rounding, AdaQuant against AdaRound against block reconstruction, MSE
 * against MAE, without and with QPRep and across-block calibration, parallel against sequential. Arguments: the model, a folder with
 * {@code calibration.npz} and {@code validation.npz}, the metric, validation samples (labelled pairs are two), widths as {@code 4/8},
 * calibration samples, steps, and optionally the names of the rows wanted.
 */
public final class Ablation {
    private Ablation() {}

    public static void main(String[] arguments) throws IOException {
        var widths = arguments[4].split("/");
        int samples = Integer.parseInt(arguments[5]);
        int steps = Integer.parseInt(arguments[6]);
        var wanted = arguments.length > 7
                ? Arrays.asList(arguments).subList(7, arguments.length)
                : rows(samples, steps).keySet();
        try (var subject = Subject.open(Path.of(arguments[0]), Path.of(arguments[1]))) {
            var start = Calibrator.calibrate(
                    subject.model(),
                    subject.profile(samples),
                    subject.calibration(),
                    calibration(Integer.parseInt(widths[0]), Integer.parseInt(widths[1])),
                    Subject.BATCH,
                    Provider.cpu(),
                    Progress.none());
            int evaluated = Integer.parseInt(arguments[3]);
            var calibrated = subject.compare(start.plan().applyTo(start.model()), arguments[2], evaluated);
            System.out.printf(
                    "| W%sA%s, %d samples, %d steps | %s (float %.4f) | cosine | error of held-out outputs | seconds |%n"
                            + "|---|---|---|---|---|%n| calibrated | %s | | |%n",
                    widths[0],
                    widths[1],
                    samples,
                    steps,
                    arguments[2],
                    calibrated.baseline().orElse(1),
                    quality(calibrated));
            for (var row : rows(samples, steps).entrySet()) {
                if (wanted.contains(row.getKey())) {
                    long began = System.nanoTime();
                    var tuned = Tuner.tune(
                            start.model(),
                            start.plan(),
                            subject.calibration(),
                            row.getValue(),
                            Subject.BATCH,
                            Provider.cpu(),
                            Progress.none());
                    double seconds = (System.nanoTime() - began) / 1e9;
                    var result = subject.compare(tuned.plan().applyTo(tuned.model()), arguments[2], evaluated);
                    System.out.printf(
                            "| %s | %s | %.4f | %.0f |%n",
                            row.getKey(),
                            quality(result),
                            tuned.steps().getLast().errorAfter(),
                            seconds);
                }
            }
        }
    }

    /** As the recipes below 8 bits have it. */
    private static CalibrateSettings calibration(int weightBits, int activationBits) {
        var stated = "{weights: 'mse', softmax: '%s', layernorm: 'search'}"
                .formatted(activationBits < 8 ? "auto" : "uniform");
        return CalibrateSettings.of(stated, weightBits, activationBits, List.of());
    }

    private static String quality(Evaluation result) {
        double cosine = result.fidelity().cosine();
        return "%.4f | %.4f".formatted(result.changed().orElse(cosine), cosine);
    }

    private static Map<String, TuneSettings> rows(int samples, int steps) {
        var rows = new LinkedHashMap<String, TuneSettings>();
        var mse = training(steps, 0.5, Distance.MSE, 0);
        rows.put("bias correction", new TuneSettings(Json.part(Tune.class, "{samples: " + samples + "}")));
        rows.put("compensated, parallel", settings(Rounding.COMPENSATED, TuningMethod.OFF, false, samples, mse));
        rows.put("compensated", settings(Rounding.COMPENSATED, TuningMethod.OFF, true, samples, mse));
        rows.put(
                "compensated, then adaround",
                settings(Rounding.COMPENSATED, TuningMethod.ADAROUND, true, samples, mse));
        rows.put(
                "compensated, then reconstruct",
                settings(Rounding.COMPENSATED, TuningMethod.RECONSTRUCT, true, samples, mse));
        rows.put("adaquant, parallel", settings(Rounding.NEAREST, TuningMethod.ADAQUANT, false, samples, mse));
        rows.put("adaquant, sequential", settings(Rounding.NEAREST, TuningMethod.ADAQUANT, true, samples, mse));
        rows.put("adaround, sequential", settings(Rounding.NEAREST, TuningMethod.ADAROUND, true, samples, mse));
        rows.put("reconstruct, parallel", settings(Rounding.NEAREST, TuningMethod.RECONSTRUCT, false, samples, mse));
        rows.put("reconstruct", reconstruct(samples, false, Whole.OFF, mse));
        rows.put(
                "reconstruct, no float inputs",
                reconstruct(samples, false, Whole.OFF, training(steps, 0, Distance.MSE, 0)));
        rows.put("reconstruct, MAE", reconstruct(samples, false, Whole.OFF, training(steps, 0.5, Distance.MAE, 0)));
        rows.put("reconstruct, QPRep", reconstruct(samples, true, Whole.OFF, mse));
        rows.put("reconstruct, ABC", reconstruct(samples, false, Whole.OFF, training(steps, 0.5, Distance.MSE, 1)));
        rows.put(
                "reconstruct, MAE, QPRep, ABC",
                reconstruct(samples, true, Whole.OFF, training(steps, 0.5, Distance.MAE, 1)));
        rows.put("reconstruct, then biases of the whole", reconstruct(samples, false, Whole.BIASES, mse));
        rows.put("reconstruct, then the whole", reconstruct(samples, false, Whole.ALL, mse));
        return rows;
    }

    private static TuneSettings settings(
            Rounding rounding, TuningMethod method, boolean sequential, int samples, Training training) {
        var stated = "rounding: '%s', layers: '%s', order: '%s'"
                .formatted(rounding.word(), method.word(), sequential ? "sequential" : "parallel");
        return tune(stated, samples, training);
    }

    private static TuneSettings reconstruct(int samples, boolean affine, Whole whole, Training training) {
        return tune(
                "layers: 'reconstruct', affine: %s, whole: '%s'".formatted(affine, whole.word()), samples, training);
    }

    private static TuneSettings tune(String stated, int samples, Training training) {
        var all = "{bias: false, %s, samples: %d, training: %s}".formatted(stated, samples, Json.tree(training));
        return new TuneSettings(Json.part(Tune.class, all));
    }

    private static Training training(int steps, double mix, Distance loss, double ahead) {
        return Json.part(
                Training.class,
                "{steps: %d, mix: %s, loss: '%s', ahead: %s}".formatted(steps, mix, loss.word(), ahead));
    }
}
