package dev.quantline.bench.allocate;

import dev.quantline.bench.Subject;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.quantize.allocate.Budget;
import dev.quantline.quantize.allocate.Candidates;
import dev.quantline.quantize.allocate.Choice;
import dev.quantline.quantize.allocate.FloatModels;
import dev.quantline.quantize.allocate.Sensitivity;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.calibrate.Calibrator;
import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.evaluate.OutputLoss;
import dev.quantline.quantize.export.Exporter;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Products;
import dev.quantline.quantize.settings.Recipe.Tune;
import dev.quantline.quantize.settings.Width;
import dev.quantline.quantize.tune.RoundedCandidates;
import dev.quantline.quantize.tune.TuneSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Mixed widths against uniform ones, calibrated and rounded with compensation, nothing trained: what allocation alone does.
 * Arguments: model, calibration and evaluation {@code .npz}, metric, then sizes as fractions. Images are normalised as CIFAR-10 usually is.
 */
public final class MixedBench {
    private static final int PROFILED = 128;
    private static final int MEASURED = 48;
    private static final Width NARROW = new Width(4, 8);
    private static final Width WIDE = new Width(8, 8);

    private MixedBench() {}

    public static void main(String... arguments) throws IOException {
        var file = Path.of(arguments[0]);
        try (var subject = Subject.open(file, Path.of(arguments[1]), Path.of(arguments[2]))) {
            var samples = subject.calibration();
            var settings =
                    CalibrateSettings.of("{weights: 'mse'}", 8, 8, List.of()).withCandidates(List.of(4, 8));
            var result = Calibrator.calibrate(
                    subject.model(),
                    subject.profile(PROFILED),
                    samples,
                    settings,
                    Subject.BATCH,
                    Provider.cpu(),
                    Progress.none());
            var model = result.model();
            var candidates = Candidates.of(model, result.plan(), WIDE, result.table(), List.of(NARROW, WIDE));
            var rounding =
                    new TuneSettings(Json.part(Tune.class, "{rounding: 'compensated', samples: " + PROFILED + "}"));
            var rounded = RoundedCandidates.of(
                            model,
                            Map.of(
                                    4,
                                    candidates.plans().get(NARROW),
                                    8,
                                    candidates.plans().get(WIDE)),
                            samples,
                            rounding,
                            Subject.BATCH,
                            Provider.cpu(),
                            Progress.none())
                    .models();
            var models = new FloatModels(model, WIDE, rounded);
            var measured = Sensitivity.measure(
                    models,
                    candidates,
                    Set.copyOf(candidates.layers()),
                    samples,
                    samples.size() - MEASURED,
                    samples.size(),
                    Subject.BATCH,
                    OutputLoss.of(Measure.of(arguments[3]), samples.dataset(), false),
                    Provider.cpu(),
                    Spilling.usual(),
                    Progress.none());
            Choice.FileSize size =
                    (graph, plan) -> ModelFile.size(Exporter.finish(graph, plan, Products.STANDARD, true));
            var table = Choice.withStructure(measured, candidates, models, size);
            var judge = new Judge(subject, arguments[3], Files.size(file));
            System.out.println("| widths | size | float | quantized |\n|---|---|---|---|");
            judge.row(
                    "all 4, rounded to nearest",
                    candidates.plans().get(NARROW).applyTo(model),
                    size.of(model, candidates.plans().get(NARROW)));
            judge.row(
                    "all 4",
                    candidates.plans().get(NARROW).applyTo(rounded.get(4)),
                    size.of(model, candidates.plans().get(NARROW)));
            for (int i = 4; i < arguments.length; i++) {
                try {
                    var choice = Choice.of(
                            table,
                            candidates,
                            models,
                            Budget.ofBytes((long) (Double.parseDouble(arguments[i]) * judge.bytes())),
                            size);
                    judge.row(
                            "mixed, " + arguments[i],
                            choice.plan().applyTo(choice.model()),
                            choice.allocation().bytes());
                } catch (BadInput infeasible) {
                    System.out.println("| mixed, " + arguments[i] + " | " + infeasible.getMessage() + " | | |");
                }
            }
            judge.row("all 8", result.plan().applyTo(rounded.get(8)), size.of(model, result.plan()));
        }
    }

    /** Prints how a model does. */
    private record Judge(Subject subject, String metric, long bytes) {
        void row(String name, Graph quantized, long size) throws IOException {
            var result = subject.compare(quantized, metric, Integer.MAX_VALUE);
            System.out.printf(
                    "| %s | %.1f %% | %.4f | %.4f |%n",
                    name,
                    100.0 * size / bytes,
                    result.baseline().orElse(1),
                    result.changed().orElse(result.fidelity().cosine()));
        }
    }
}
