package dev.quantline.bench.allocate;

import dev.quantline.allocate.Budget;
import dev.quantline.allocate.Candidates;
import dev.quantline.allocate.Choice;
import dev.quantline.allocate.FloatModels;
import dev.quantline.allocate.Sensitivity;
import dev.quantline.allocate.Width;
import dev.quantline.calibrate.CalibrateSettings;
import dev.quantline.calibrate.Calibrator;
import dev.quantline.evaluate.Evaluation;
import dev.quantline.evaluate.OutputLoss;
import dev.quantline.export.Exporter;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.profile.Profiler;
import dev.quantline.runtime.Dataset;
import dev.quantline.runtime.Normalization;
import dev.quantline.runtime.Progress;
import dev.quantline.runtime.Provider;
import dev.quantline.runtime.Samples;
import dev.quantline.runtime.Session;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Mixed widths against uniform ones, calibration only: what allocation alone does. Arguments: model, calibration and evaluation
 * {@code .npz}, metric, then sizes as fractions. Images are normalised as CIFAR-10 usually is.
 */
public final class MixedBench {
    private static final int BATCH = 16;
    private static final int PROFILED = 128;
    private static final int MEASURED = 48;
    private static final Width NARROW = new Width(4, 8);
    private static final Width WIDE = new Width(8, 8);

    private MixedBench() {
    }

    public static void main(String... arguments) throws IOException {
        var file = Path.of(arguments[0]);
        var original = Profiler.prepare(ModelFile.read(file));
        try (var calibration = Dataset.open(List.of(Path.of(arguments[1])));
             var evaluation = Dataset.open(List.of(Path.of(arguments[2])))) {
            var normalize = calibration.names().contains("image") ? Map.of("image", new Normalization(new float[] {.4914f, .4822f, .4465f},
                new float[] {.2470f, .2435f, .2616f})) : Map.<String, Normalization>of();
            var samples = new Samples(calibration, original, normalize);
            var profile = Profiler.observe(original, samples, 0, PROFILED, BATCH, List.of(), Provider.cpu(), Progress.none());
            var settings = new CalibrateSettings(CalibrateSettings.int8().range(), CalibrateSettings.WeightRange.MSE,
                CalibrateSettings.SoftmaxQuantizer.UNIFORM, CalibrateSettings.Migration.MEDIAN, 8, 8, List.of(), CalibrateSettings.SAMPLES)
                .withCandidates(List.of(4, 8));
            var result = Calibrator.calibrate(original, profile, samples, settings, BATCH, Provider.cpu(), Progress.none());
            var model = result.model();
            var models = new FloatModels(model, model, WIDE);
            var candidates = Candidates.of(model, result.plan(), WIDE, result.table(), List.of(NARROW, WIDE));
            var measured = Sensitivity.measure(models, candidates, Set.copyOf(candidates.layers()), samples, samples.size() - MEASURED,
                samples.size(), BATCH, OutputLoss.of(arguments[3], calibration, false), Provider.cpu(), Progress.none());
            Choice.FileSize size = (graph, plan) -> ModelFile.size(Exporter.finish(graph, plan, Exporter.Products.STANDARD, true));
            var table = Choice.withStructure(measured, candidates, models, size);
            var judge = new Judge(original, new Samples(evaluation, original, normalize), arguments[3], Files.size(file));
            System.out.println("| widths | size | float | quantized |\n|---|---|---|---|");
            judge.row("all 4", candidates.plans().get(NARROW).applyTo(model), size.of(model, candidates.plans().get(NARROW)));
            for (int i = 4; i < arguments.length; i++) {
                try {
                    var choice = Choice.of(table, candidates, models,
                        Budget.ofBytes((long) (Double.parseDouble(arguments[i]) * judge.bytes())), size);
                    judge.row("mixed, " + arguments[i], choice.plan().applyTo(choice.model()), choice.allocation().bytes());
                } catch (BadInput infeasible) {
                    System.out.println("| mixed, " + arguments[i] + " | " + infeasible.getMessage() + " | | |");
                }
            }
            judge.row("all 8", result.plan().applyTo(model), size.of(model, result.plan()));
        }
    }

    /** Prints how a model does. */
    private record Judge(Graph original, Samples evaluation, String metric, long bytes) {
        void row(String name, Graph quantized, long size) throws IOException {
            try (var before = Session.open(original, Provider.cpu(), Session.Optimization.ALL);
                 var after = Session.open(quantized, Provider.cpu(), Session.Optimization.ALL)) {
                var result = Evaluation.run(before, after, evaluation, metric, BATCH, Progress.none());
                System.out.printf("| %s | %.1f %% | %.4f | %.4f |%n", name, 100.0 * size / bytes, result.baseline().orElse(1),
                    result.changed().orElse(result.fidelity().cosine()));
            }
        }
    }
}
