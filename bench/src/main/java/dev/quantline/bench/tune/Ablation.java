package dev.quantline.bench.tune;

import dev.quantline.bench.Subject;
import dev.quantline.calibrate.CalibrateSettings;
import dev.quantline.calibrate.Calibrator;
import dev.quantline.evaluate.Evaluation;
import dev.quantline.runtime.Progress;
import dev.quantline.runtime.Provider;
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
    private static final int PROFILED = 128;

    private Ablation() {
    }

    public static void main(String[] arguments) throws IOException {
        var widths = arguments[4].split("/");
        int samples = Integer.parseInt(arguments[5]);
        int steps = Integer.parseInt(arguments[6]);
        String wanted = arguments.length > 7 ? arguments[7] : "";
        try (var subject = Subject.open(Path.of(arguments[0]), Path.of(arguments[1]))) {
            var start = Calibrator.calibrate(subject.model(), subject.profile(PROFILED), subject.calibration(),
                CalibrateSettings.searched(Integer.parseInt(widths[0]), Integer.parseInt(widths[1]), List.of()), Subject.BATCH,
                Provider.cpu(), Progress.none());
            int evaluated = Integer.parseInt(arguments[3]);
            var calibrated = subject.compare(start.plan().applyTo(start.model()), arguments[2], evaluated);
            System.out.printf("| W%sA%s, %d samples, %d steps | %s (float %.4f) | cosine | error of held-out outputs | seconds |%n"
                + "|---|---|---|---|---|%n| calibrated | %s | | |%n", widths[0], widths[1], samples, steps, arguments[2],
                calibrated.baseline().orElse(1), quality(calibrated));
            for (var row : rows(samples, steps).entrySet()) {
                if (row.getKey().startsWith(wanted)) {
                    long began = System.nanoTime();
                    var tuned = Tuner.tune(start.model(), start.plan(), subject.calibration(), row.getValue(), Subject.BATCH,
                        Provider.cpu(), Progress.none());
                    double seconds = (System.nanoTime() - began) / 1e9;
                    var result = subject.compare(tuned.plan().applyTo(tuned.model()), arguments[2], evaluated);
                    System.out.printf("| %s | %s | %.4f | %.0f |%n", row.getKey(), quality(result), tuned.steps().getLast().errorAfter(),
                        seconds);
                }
            }
        }
    }

    private static String quality(Evaluation result) {
        double cosine = result.fidelity().cosine();
        return "%.4f | %.4f".formatted(result.changed().orElse(cosine), cosine);
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
        return new TuneSettings(TuneSettings.Rounding.NEAREST, false, samples, method, sequential, List.of(), affine, whole, false,
            training);
    }

    private static Training training(int steps, double mix, Distance loss, double ahead) {
        var usual = Training.standard();
        return new Training(steps, usual.batch(), mix, loss, usual.weightRate(), usual.roundingRate(), usual.biasRate(),
            usual.weightScaleRate(), usual.scaleRate(), usual.affineRate(), usual.rounding(), ahead, usual.seed());
    }
}
