package dev.quantline.quantize.tune;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.fixture.Recipes;
import dev.quantline.quantize.fixture.Stages;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Rounding;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

class RoundedCandidatesTest {
    private static final int SAMPLES = 256;
    /** The last quarter is held out. */
    private static final int TRAINED = SAMPLES * 3 / 4;

    private static final List<Integer> WIDTHS = List.of(3, 4, 8);

    @TempDir
    private Path folder;

    private static TuneSettings settings(Rounding rounding, boolean bias) {
        return Recipes.tune("rounding: '" + rounding.word() + "', bias: " + bias, SAMPLES, Recipes.training());
    }

    private RoundedCandidates.Result round(
            Graph model, Map<Integer, QuantizationPlan> plans, Map<String, Tensor> data, TuneSettings settings)
            throws IOException {
        try (var read = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), data)))) {
            return RoundedCandidates.of(
                    model, plans, new Samples(read, model, Map.of()), settings, 16, Provider.cpu(), Progress.none());
        }
    }

    private static float[] run(Graph graph, Map<String, Tensor> data) {
        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.EXACT)) {
            return session.run(data).values().iterator().next().toFloats();
        }
    }

    private static double error(Graph reference, Graph other, Map<String, Tensor> data) {
        var expected = run(reference, data);
        var actual = run(other, data);
        double noise = 0;
        for (int i = 0; i < expected.length; i++) {
            noise += Math.pow(expected[i] - actual[i], 2);
        }
        return noise;
    }

    private static Map<String, Tensor> rows(Map<String, Tensor> data, int from, int to) {
        var some = new TreeMap<String, Tensor>();
        data.forEach((name, tensor) -> some.put(name, tensor.rows(from, to)));
        return some;
    }

    @Test
    void eachWidthHasWeightsOfItsOwnThatLoseLessThanTheNearestCodes() throws IOException {
        // Given a convolutional network and its plans
        var prepared = PreparedModel.prepare(Networks.conv(2));
        var data = Data.images(SAMPLES, 9);
        var plans = new TreeMap<Integer, QuantizationPlan>();
        try (var read = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), data)))) {
            var samples = new Samples(read, prepared, Map.of());
            for (int bits : WIDTHS) {
                var calibration = CalibrateSettings.plain(ActivationRange.MSE, bits, 8, List.of());
                plans.put(bits, Stages.run(prepared, samples, calibration).plan());
            }
        }

        // When
        var result = round(prepared, plans, data, settings(Rounding.COMPENSATED, true));

        // Then, on samples that were not used for rounding
        var heldOut = rows(data, TRAINED, SAMPLES);
        for (int bits : List.of(3, 4)) {
            double nearest = error(prepared, plans.get(bits).applyTo(prepared), heldOut);
            double rounded =
                    error(prepared, plans.get(bits).applyTo(result.models().get(bits)), heldOut);
            double others =
                    error(prepared, plans.get(bits).applyTo(result.models().get(7 - bits)), heldOut);
            assertTrue(rounded < .7 * nearest, bits + " bits: " + nearest + " became " + rounded);
            assertTrue(rounded < .9 * others, bits + " bits: " + rounded + ", with another width's weights " + others);
        }
        assertTrue(error(prepared, plans.get(8).applyTo(result.models().get(8)), heldOut)
                <= error(prepared, plans.get(8).applyTo(prepared), heldOut));
        assertEquals(
                WIDTHS.stream()
                        .flatMap(bits -> List.of("compensated rounding " + bits, "bias correction " + bits).stream())
                        .toList(),
                result.steps().stream()
                        .map(step -> step.method() + " " + step.part().replaceAll("\\D", ""))
                        .toList());
    }

    /** {@code y = x w + b} with few-bit weights and an activation grid that cuts off everything above .5, so that y is biased. */
    @Test
    void biasesAreCorrectedForTheRoundedWeights() throws IOException {
        // Given
        var builder = new GraphBuilder(17, 5);
        builder.op(
                "y",
                "Gemm",
                builder.input("x", DataType.FLOAT, -1, Networks.FEATURES),
                builder.normal("w", .5, Networks.FEATURES, 3),
                builder.normal("b", .3, 3));
        var layer = builder.output("y", DataType.FLOAT, -1, 3).graph();
        String node = layer.nodes().getFirst().name();
        var plans = new TreeMap<Integer, QuantizationPlan>();
        for (int bits : WIDTHS) {
            plans.put(
                    bits,
                    new QuantizationPlan(
                            List.of(new QuantizationPlan.Activation(
                                    "x", Set.of(node), Uniform.asymmetric(8, -2, .5), "fixed")),
                            List.of(new QuantizationPlan.Weight(
                                    "w", node, 1, Uniform.symmetric(bits, 1, new double[] {1.5, 1.5, 1.5})))));
        }
        // Correlated inputs: errors of their weights can compensate for each other.
        var rows = Data.rows(SAMPLES, 2).get("x").toFloats();
        for (int i = 0; i < rows.length; i++) {
            rows[i] = .3f * rows[i] + rows[i - i % Networks.FEATURES];
        }
        var data = Map.of("x", Tensor.of(rows, SAMPLES, Networks.FEATURES));

        // When
        var corrected = round(layer, plans, data, settings(Rounding.COMPENSATED, true));
        var without = round(layer, plans, data, settings(Rounding.COMPENSATED, false));

        // Then: the mean output of the layer is restored, with the rounded weights
        assertNotEquals(
                layer.initializers().get("w"),
                corrected.models().get(3).initializers().get("w"));
        var trained = rows(data, 0, TRAINED);
        for (int bits : WIDTHS) {
            assertEquals(
                    0,
                    largestMeanError(
                            layer, plans.get(bits).applyTo(corrected.models().get(bits)), trained),
                    .005,
                    "a bias is stored in steps of .005");
            assertTrue(largestMeanError(
                            layer, plans.get(bits).applyTo(without.models().get(bits)), trained)
                    > .1);
            assertEquals(
                    without.models().get(bits).initializers().get("w"),
                    corrected.models().get(bits).initializers().get("w"));
        }
    }

    private static double largestMeanError(Graph reference, Graph other, Map<String, Tensor> data) {
        var expected = run(reference, data);
        var actual = run(other, data);
        var sums = new double[3];
        for (int i = 0; i < expected.length; i++) {
            sums[i % 3] += expected[i] - actual[i];
        }
        double largest = 0;
        for (double sum : sums) {
            largest = Math.max(largest, Math.abs(sum) * 3 / expected.length);
        }
        return largest;
    }

    @Test
    void nothingIsKeptThatHeldOutSamplesSpeakAgainst() throws IOException {
        // Given: only the samples that are trained on are clipped
        var builder = new GraphBuilder(17, 5);
        builder.op(
                "y",
                "Gemm",
                builder.input("x", DataType.FLOAT, -1, Networks.FEATURES),
                builder.normal("w", .5, Networks.FEATURES, 3),
                builder.normal("b", .3, 3));
        var layer = builder.output("y", DataType.FLOAT, -1, 3).graph();
        String node = layer.nodes().getFirst().name();
        var rows = Data.rows(SAMPLES, 2).get("x").toFloats();
        for (int i = 0; i < rows.length; i++) {
            rows[i] = i < rows.length * 3 / 4 ? 2 + Math.abs(rows[i]) : -Math.abs(rows[i]) / 2;
        }
        var plan = new QuantizationPlan(
                List.of(new QuantizationPlan.Activation("x", Set.of(node), Uniform.asymmetric(8, -2, .5), "fixed")),
                List.of(new QuantizationPlan.Weight(
                        "w", node, 1, Uniform.symmetric(8, 1, new double[] {1.5, 1.5, 1.5}))));

        // When
        var result = round(
                layer,
                Map.of(8, plan),
                Map.of("x", Tensor.of(rows, SAMPLES, Networks.FEATURES)),
                settings(Rounding.NEAREST, true));

        // Then
        assertEquals(
                List.of(false), result.steps().stream().map(Tuner.Step::kept).toList());
        assertEquals(layer, result.models().get(8));
    }

    /** Weights that codes of both widths represent, and nothing else quantized: there is no error to remove. */
    @Test
    void whatIsExactIsLeftAndProgressGivesEveryWidthTheSameShare() throws IOException {
        // Given
        var builder = new GraphBuilder(17, 5);
        builder.op(
                "y",
                "Gemm",
                builder.input("x", DataType.FLOAT, -1, 2),
                builder.constant("w", Tensor.of(new float[] {1, -2, 3, .5f}, 2, 2)),
                builder.normal("b", .3, 2));
        var layer = builder.output("y", DataType.FLOAT, -1, 2).graph();
        var plans = new TreeMap<Integer, QuantizationPlan>();
        for (int bits : List.of(4, 8)) {
            double largest = ((1 << bits - 1) - 1) * .5;
            plans.put(
                    bits,
                    new QuantizationPlan(
                            List.of(),
                            List.of(new QuantizationPlan.Weight(
                                    "w", layer.nodes().getFirst().name(), 1, Uniform.symmetric(bits, 1, new double[] {
                                        largest, largest
                                    })))));
        }
        var data = Map.of("x", Data.rows(16, 2).get("x").reshape(64, 2));
        var fractions = new ArrayList<Double>();
        int[] weighed = new int[1];
        RoundedCandidates.Result result;

        // When
        try (var read = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), data)))) {
            result = RoundedCandidates.of(
                    layer,
                    plans,
                    new Samples(read, layer, Map.of()),
                    settings(Rounding.COMPENSATED, true),
                    16,
                    Provider.cpu(),
                    (done, message) -> {
                        weighed[0] += message.contains("weight errors") ? 1 : 0;
                        fractions.add(done);
                    });
        }

        // Then
        assertEquals(4, result.steps().size());
        result.steps().forEach(step -> assertFalse(step.kept(), step.toString()));
        result.models().values().forEach(model -> assertSame(layer, model));
        assertTrue(weighed[0] > 0);
        for (int i = 1; i < fractions.size(); i++) {
            assertTrue(fractions.get(i - 1) <= fractions.get(i) + 1e-12, fractions.toString());
        }
        assertEquals(1, fractions.getLast(), 1e-12);
        int each = (fractions.size() - weighed[0]) / 2;
        double share = (1 - fractions.get(weighed[0])) / 2;
        for (int i = weighed[0]; i < weighed[0] + each; i++) {
            assertEquals(share, fractions.get(i + each) - fractions.get(i), 1e-12);
        }
    }
}
