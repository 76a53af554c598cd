package dev.quantline.bench.calibrate;

import dev.quantline.calibrate.CalibrateSettings;
import dev.quantline.calibrate.CalibrateSettings.Migration;
import dev.quantline.calibrate.CalibrateSettings.SoftmaxQuantizer;
import dev.quantline.calibrate.CalibrateSettings.WeightRange;
import dev.quantline.calibrate.Calibrator;
import dev.quantline.calibrate.RangeCriterion;
import dev.quantline.evaluate.Fidelity;
import dev.quantline.evaluate.Metric;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.profile.Profile;
import dev.quantline.profile.Profiler;
import dev.quantline.runtime.Dataset;
import dev.quantline.runtime.Normalization;
import dev.quantline.runtime.Progress;
import dev.quantline.runtime.Provider;
import dev.quantline.runtime.Samples;
import dev.quantline.runtime.Session;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What each choice of calibration is worth alone, without tuning. Arguments: the model, a folder with {@code calibration.npz} and
 * {@code validation.npz}, the metric, validation samples (labelled pairs are two), widths as {@code 4/8}. Each row changes one choice of
 * the plain settings (ranges and weights by MSE, uniform softmax, norms left alone); the last takes everything searched.
 */
public final class Ablation {
    private static final int CALIBRATED = 256;
    private static final int BATCH = 16;
    /** Of the trained CIFAR-10 transformer; other models take floats or tokens. */
    private static final Normalization IMAGES = new Normalization(new float[] {.4914f, .4822f, .4465f},
        new float[] {.2470f, .2435f, .2616f});

    private final Graph model;
    private final Samples calibration;
    private final Samples validation;
    private final Profile profile;
    private final String metric;
    private final int evaluated;

    private Ablation(Graph model, Samples calibration, Samples validation, String metric, int evaluated) {
        this.model = model;
        this.calibration = calibration;
        this.validation = validation;
        this.metric = metric;
        this.evaluated = evaluated;
        profile = Profiler.observe(model, calibration, 0, Math.min(CALIBRATED, calibration.size()), BATCH, List.of(), Provider.cpu(),
            Progress.none());
    }

    public static void main(String[] arguments) throws IOException {
        var folder = Path.of(arguments[1]);
        var model = Profiler.prepare(ModelFile.read(Path.of(arguments[0])));
        try (var calibration = Dataset.open(List.of(folder.resolve("calibration.npz")));
             var validation = Dataset.open(List.of(folder.resolve("validation.npz")))) {
            Map<String, Normalization> images = calibration.has("image") ? Map.of("image", IMAGES) : Map.of();
            var bench = new Ablation(model, new Samples(calibration, model, images), new Samples(validation, model, images), arguments[2],
                Integer.parseInt(arguments[3]));
            for (int i = 4; i < arguments.length; i++) {
                var widths = arguments[i].split("/");
                bench.print(Integer.parseInt(widths[0]), Integer.parseInt(widths[1]));
            }
        }
    }

    private void print(int weightBits, int activationBits) throws IOException {
        System.out.printf("%n| W%dA%d | %s, float | %s | cosine | seconds |%n|---|---|---|---|---|%n", weightBits, activationBits, metric,
            metric);
        for (var row : rows(weightBits, activationBits).entrySet()) {
            long start = System.nanoTime();
            var result = Calibrator.calibrate(model, profile, calibration, row.getValue(), BATCH, Provider.cpu(), Progress.none());
            double seconds = (System.nanoTime() - start) / 1e9;
            System.out.printf("| %s | %s | %.1f |%n", row.getKey(), quality(result.plan().applyTo(result.model())), seconds);
        }
    }

    private static Map<String, CalibrateSettings> rows(int weightBits, int activationBits) {
        var rows = new LinkedHashMap<String, CalibrateSettings>();
        var mse = new RangeCriterion.Mse();
        for (var range : List.of(new RangeCriterion.MinMax(), new RangeCriterion.MovingAverage(), new RangeCriterion.Percentile(0.9999),
            new RangeCriterion.Entropy(), mse, new RangeCriterion.Mae(), new RangeCriterion.Auto())) {
            rows.put("range " + range.label(), new CalibrateSettings(range, WeightRange.MSE, SoftmaxQuantizer.UNIFORM, Migration.OFF,
                weightBits, activationBits, List.of(), CalibrateSettings.SAMPLES));
        }
        for (var weights : List.of(WeightRange.MAX, WeightRange.MAE, WeightRange.AUTO)) {
            rows.put("weights " + name(weights), new CalibrateSettings(mse, weights, SoftmaxQuantizer.UNIFORM, Migration.OFF, weightBits,
                activationBits, List.of(), CalibrateSettings.SAMPLES));
        }
        for (var softmax : List.of(SoftmaxQuantizer.LOG2, SoftmaxQuantizer.LOGSQRT2, SoftmaxQuantizer.TAN)) {
            rows.put("softmax " + name(softmax), new CalibrateSettings(mse, WeightRange.MSE, softmax, Migration.OFF, weightBits,
                activationBits, List.of(), CalibrateSettings.SAMPLES));
        }
        for (var layernorm : List.of(Migration.MEAN, Migration.MEDIAN, Migration.SEARCH)) {
            rows.put("layernorm " + name(layernorm), new CalibrateSettings(mse, WeightRange.MSE, SoftmaxQuantizer.UNIFORM, layernorm,
                weightBits, activationBits, List.of(), CalibrateSettings.SAMPLES));
        }
        rows.put("everything searched, ranges by mse", new CalibrateSettings(mse, WeightRange.AUTO, SoftmaxQuantizer.AUTO, Migration.SEARCH,
            weightBits, activationBits, List.of(), CalibrateSettings.SAMPLES));
        rows.put("everything searched", CalibrateSettings.searched(weightBits, activationBits, List.of()));
        return rows;
    }

    private static String name(Enum<?> setting) {
        return setting.name().toLowerCase(Locale.ROOT);
    }

    private String quality(Graph quantized) throws IOException {
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
