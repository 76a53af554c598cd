package dev.quantline.quantize.workflow;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.quantize.allocate.Candidates;
import dev.quantline.quantize.allocate.FloatModels;
import dev.quantline.quantize.allocate.Sensitivities;
import dev.quantline.quantize.allocate.Sensitivity;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.calibrate.Calibrator;
import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.export.Exporter;
import dev.quantline.quantize.export.Report;
import dev.quantline.quantize.fixture.Recipes;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.plan.Target;
import dev.quantline.quantize.profile.Profiler;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Judge;
import dev.quantline.quantize.settings.Products;
import dev.quantline.quantize.settings.Recipe;
import dev.quantline.quantize.settings.Width;
import dev.quantline.quantize.tune.RoundedCandidates;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** The smallest model that keeps a goal, as a plain call. */
class AllocatedExportTest {
    private static final int WIDTH = 64;
    private static final int SAMPLES = 256;
    private static final int HELD_OUT = 64;

    @TempDir
    Path folder;

    /** {@code x [batch, 64] -> logits [batch, 10]}: five layers. */
    private static Graph network() {
        var builder = new GraphBuilder(17, 4);
        var x = builder.input("x", DataType.FLOAT, -1, WIDTH);
        for (int layer = 0; layer < 4; layer++) {
            x = builder.op(
                    "relu" + layer,
                    "Relu",
                    builder.op(
                            "product" + layer,
                            "MatMul",
                            x,
                            builder.normal("w" + layer, Math.sqrt(2.0 / WIDTH), WIDTH, WIDTH)));
        }
        builder.op("logits", "MatMul", x, builder.normal("head", .2, WIDTH, 10));
        return builder.output("logits", DataType.FLOAT, -1, 10).graph();
    }

    private static Tensor rows() {
        var random = new Random(7);
        var values = new float[SAMPLES * WIDTH];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(values, SAMPLES, WIDTH);
    }

    private Report export(double drop, List<Integer> bits) throws IOException {
        return export(OptionalDouble.of(drop), budget(bits, Optional.of(.6), Optional.empty()), nearest(bits));
    }

    private static Weights nearest(List<Integer> bits) {
        return (calibrated, candidates, samples) ->
                bits.stream().collect(Collectors.toMap(width -> width, width -> calibrated));
    }

    private static Recipe.Allocate budget(List<Integer> bits, Optional<Double> size, Optional<Double> aim) {
        return new Recipe.Allocate(
                bits,
                List.of(8),
                size,
                aim,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Judge.OUTPUTS,
                Map.of());
    }

    /** Supplies the float model with the weights for each width. */
    private interface Weights {
        Map<Integer, Graph> of(Graph calibrated, Candidates candidates, Samples samples);
    }

    private Report export(OptionalDouble drop, Recipe.Allocate allocate, Weights weights) throws IOException {
        var bits = allocate.bits();
        var original = network();
        var file = folder.resolve("original.onnx");
        ModelFile.write(original, file);
        var npz = Data.write(folder.resolve("data.npz"), Data.labelled(original, Map.of("x", rows())));
        var base = new Width(bits.getFirst(), 8);
        try (var data = Dataset.open(List.of(npz))) {
            var samples = new Samples(data, original, Map.of());
            var model = PreparedModel.prepare(original);
            var profile = Profiler.observe(model, samples, 0, SAMPLES, 16, List.of(), Provider.cpu(), Progress.none());
            var settings = CalibrateSettings.plain(ActivationRange.MSE, base.weights(), 8, List.of())
                    .withCandidates(bits)
                    .withPairLimit(Target.CPU_VNNI.pairLimit(8));
            var calibrated =
                    Calibrator.calibrate(model, profile, samples, settings, 16, Provider.cpu(), Progress.none());
            var widths = bits.stream().map(width -> new Width(width, 8)).toList();
            var candidates = Candidates.of(calibrated.model(), calibrated.plan(), base, calibrated.table(), widths);
            var models = new FloatModels(calibrated.model(), base, weights.of(calibrated.model(), candidates, samples));
            var judge = AllocatedExport.judge(allocate, Measure.of("top1"), samples);
            var table = Sensitivity.measure(
                    models,
                    candidates,
                    new HashSet<>(candidates.layers()),
                    samples,
                    SAMPLES - HELD_OUT,
                    SAMPLES,
                    16,
                    judge,
                    Provider.cpu(),
                    Spilling.usual(),
                    Progress.none());
            var job = new Exporter.Job(
                    "goal",
                    "mixed",
                    file,
                    models.ofBase(),
                    calibrated.plan(),
                    calibrated.table(),
                    Target.CPU_VNNI,
                    Optional.empty(),
                    samples,
                    Measure.of("top1"),
                    drop,
                    List.of(),
                    new Report.Provenance("", "", "", "", 0),
                    Products.STANDARD,
                    16,
                    Provider.cpu());
            var solved = new AllocatedExport(
                            job,
                            allocate,
                            candidates,
                            models,
                            new Sensitivities(judge.label(), HELD_OUT, table),
                            samples)
                    .solve(Progress.none());
            return Exporter.export(solved, folder.resolve("out"), Progress.none());
        }
    }

    private static double drop(Report report) {
        return report.original().metric().value() - report.quantized().metric().value();
    }

    @Test
    void theSmallestModelThatKeepsTheGoalIsFound() throws IOException {
        // Given goals from strict to one that anything keeps
        Report stricter = null;
        for (double goal : List.of(.01, .1, .3, 1.0)) {
            // When
            var report = export(goal, List.of(2, 3, 4, 8));

            // Then: the goal is kept, and the file is smaller the more is allowed
            assertEquals("done", report.status(), report.message());
            assertTrue(drop(report) <= goal, drop(report) + " of " + goal);
            assertTrue(stricter == null
                    || report.quantized().bytes() <= stricter.quantized().bytes());
            assertEquals(
                    Files.size(folder.resolve("out/model.onnx")),
                    report.quantized().bytes());
            stricter = report;
        }
        // And if anything is allowed, it is the smallest of all
        var chosen = stricter.pareto().stream()
                .filter(Report.Point::chosen)
                .findFirst()
                .orElseThrow();
        assertEquals(stricter.pareto().getFirst(), chosen);
    }

    @Test
    void theFileHasTheWeightsThatWereRoundedForEachWidth() throws IOException {
        // Given weights that compensate for each other's errors, for every width
        var bits = List.of(3, 8);
        Weights rounded = (calibrated, candidates, samples) -> RoundedCandidates.of(
                        calibrated,
                        Map.of(3, plan(candidates, 3), 8, plan(candidates, 8)),
                        samples,
                        Recipes.tune("rounding: 'compensated'", SAMPLES, Recipes.training()),
                        16,
                        Provider.cpu(),
                        Progress.none())
                .models();
        var budget = budget(bits, Optional.of(.25), Optional.empty());

        // When
        var mixed = export(OptionalDouble.empty(), budget, rounded);
        var plain = export(OptionalDouble.empty(), budget, nearest(bits));

        // Then
        assertEquals(
                Set.of(3, 8),
                mixed.layers().stream().map(Report.Layer::weightBits).collect(Collectors.toSet()));
        assertTrue(
                mixed.allocation().measuredLoss() < .7 * plain.allocation().measuredLoss(),
                mixed.allocation() + ", with the nearest codes " + plain.allocation());
    }

    @Test
    void aSizeThatIsAimedAtAndOutOfReachGivesTheSmallestFileAndANote() throws IOException {
        // Given a hundredth of the float model's size, far below what any widths take
        var bits = List.of(4, 8);

        // When it is the target, and when it is required
        var report = export(OptionalDouble.empty(), budget(bits, Optional.empty(), Optional.of(.01)), nearest(bits));
        var refused = assertThrows(
                BadInput.class,
                () -> export(OptionalDouble.empty(), budget(bits, Optional.of(.01), Optional.empty()), nearest(bits)));

        // Then the former gives the smallest file, and says so
        assertEquals("done", report.status());
        assertEquals(4, report.quantized().averageWeightBits());
        assertEquals(
                report.pareto().getFirst(),
                report.pareto().stream()
                        .filter(Report.Point::chosen)
                        .findFirst()
                        .orElseThrow());
        assertTrue(
                report.notes().getFirst().startsWith("no choice of widths reaches 1 % of the float model's size"),
                report.notes().toString());
        assertNull(report.allocation().budget());
        // And the latter is rejected, with the size of that file
        assertTrue(
                refused.getMessage()
                        .endsWith("the smallest feasible is "
                                + report.pareto().getFirst().bytes() + " bytes"),
                refused.getMessage());

        // And a size within reach is kept without a note
        var within = export(OptionalDouble.empty(), budget(bits, Optional.empty(), Optional.of(.25)), nearest(bits));
        assertTrue(
                within.quantized().bytes() <= .25 * within.original().bytes(),
                within.quantized().toString());
        assertTrue(
                within.notes().stream().noneMatch(note -> note.contains("the default target")),
                within.notes().toString());
        assertEquals(.25, within.allocation().budget());
    }

    private static QuantizationPlan plan(Candidates candidates, int bits) {
        return candidates.plans().get(new Width(bits, 8));
    }

    @Test
    void aGoalThatNothingKeepsDeliversTheBestModelAndSaysSo() throws IOException {
        var report = export(0, List.of(2, 3));

        assertEquals("goal-missed", report.status());
        assertTrue(
                report.message().contains("goal allows 0.0000; this is the best model found within 0.6 of"),
                report.message());
        assertTrue(drop(report) > 0);
        assertEquals(3, report.quantized().averageWeightBits(), "the widest available");
        assertTrue(Files.exists(folder.resolve("out/model.onnx")));
    }
}
