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
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

class BiasCorrectionTest {
    private static final int SAMPLES = 64;

    @TempDir
    private Path folder;

    private interface Task<T> {
        T of(Samples samples) throws IOException;
    }

    private <T> T with(Graph model, Map<String, Tensor> arrays, Task<T> task) throws IOException {
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), arrays)))) {
            return task.of(new Samples(data, model, Map.of()));
        }
    }

    private Tuner.Result tune(Graph model, QuantizationPlan plan, Map<String, Tensor> arrays, TuneSettings settings)
            throws IOException {
        return with(
                model,
                arrays,
                samples -> Tuner.tune(model, plan, samples, settings, 16, Provider.cpu(), Progress.none()));
    }

    private static Tensor run(Graph graph, Map<String, Tensor> data) {
        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.EXACT)) {
            return session.run(data).values().iterator().next();
        }
    }

    private static double[] meanDifference(Graph reference, Graph other, Map<String, Tensor> data, int channels) {
        var expected = run(reference, data).toFloats();
        var actual = run(other, data).toFloats();
        var mean = new double[channels];
        for (int i = 0; i < expected.length; i++) {
            mean[i % channels] += (expected[i] - actual[i]) * (double) channels / expected.length;
        }
        return mean;
    }

    /** One layer with 8 inputs and 3 outputs whose activation grid cuts off everything above .5, so that y is biased. */
    private static QuantizationPlan clipped(String node) {
        return new QuantizationPlan(
                List.of(new QuantizationPlan.Activation("x", Set.of(node), Uniform.asymmetric(8, -2, .5), "fixed")),
                List.of(new QuantizationPlan.Weight("w", node, 1, Uniform.symmetric(8, 1, new double[] {2, 2, 2}))));
    }

    private static Graph gemm() {
        var builder = new GraphBuilder(17, 5);
        builder.op(
                "y",
                "Gemm",
                builder.input("x", DataType.FLOAT, -1, Networks.FEATURES),
                weight(builder),
                builder.normal("b", .3, 3));
        return builder.output("y", DataType.FLOAT, -1, 3).graph();
    }

    private static String weight(GraphBuilder builder) {
        return builder.normal("w", .5, Networks.FEATURES, 3);
    }

    private static Graph matMul() {
        var builder = new GraphBuilder(18, 5);
        String product = builder.op(
                "product", "MatMul", builder.input("x", DataType.FLOAT, -1, Networks.FEATURES), weight(builder));
        builder.op("y", "Add", builder.normal("b", .3, 3), product);
        return builder.output("y", DataType.FLOAT, -1, 3).graph();
    }

    @Test
    void aPlantedBiasIsRemoved() throws IOException {
        for (var layer : List.of(gemm(), matMul())) {
            // Given
            var plan = clipped(layer.nodes().getFirst().name());
            var data = Data.rows(SAMPLES, 2);
            double worst = 0;
            for (double difference : meanDifference(layer, plan.applyTo(layer), data, 3)) {
                worst = Math.max(worst, Math.abs(difference));
            }
            assertTrue(worst > .1, "the plan must hurt, but changes the mean by only " + worst);

            // When
            var corrected = with(
                    layer,
                    data,
                    samples -> BiasCorrection.apply(
                            layer, layer, plan, samples, 0, SAMPLES, 10, Provider.cpu(), Progress.none()));

            // Then
            for (double difference : meanDifference(layer, plan.applyTo(corrected), data, 3)) {
                assertEquals(0, difference, .01);
            }
        }
    }

    @Test
    void layersInSeveralGroupsAreCorrectedAsTogether() throws IOException {
        // Given two layers
        var builder = new GraphBuilder(18, 5);
        String hidden = builder.op(
                "hidden",
                "Gemm",
                builder.input("x", DataType.FLOAT, -1, Networks.FEATURES),
                weight(builder),
                builder.normal("b", .3, 3));
        builder.op("y", "Gemm", hidden, builder.normal("w2", .5, 3, 3), builder.normal("b2", .3, 3));
        var model = builder.output("y", DataType.FLOAT, -1, 3).graph();
        var plan = new QuantizationPlan(
                List.of(),
                List.of(
                        new QuantizationPlan.Weight(
                                "w", "hidden/Gemm", 1, Uniform.symmetric(3, 1, new double[] {2, 2, 2})),
                        new QuantizationPlan.Weight(
                                "w2", "y/Gemm", 1, Uniform.symmetric(3, 1, new double[] {2, 2, 2}))));
        with(model, Data.rows(SAMPLES, 2), samples -> {
            // When both are corrected at once and one after the other
            var together = BiasCorrection.apply(model, model, plan, samples, Long.MAX_VALUE, Progress.none());
            var apart = BiasCorrection.apply(model, model, plan, samples, 1, Progress.none());
            // Then each has the same new bias
            for (int layer = 0; layer < 2; layer++) {
                String bias = together.nodes().get(layer).input(2);
                assertFalse(bias.equals(model.nodes().get(layer).input(2)), bias);
                assertEquals(bias, apart.nodes().get(layer).input(2));
                assertEquals(
                        together.initializers().get(bias), apart.initializers().get(bias));
            }
            return null;
        });
    }

    /** Compensated rounding does not always take the nearest code. */
    @Test
    void whatRoundingMovedTheWeightsByIsMadeUpFor() throws IOException {
        // Given: every weight rounded a step too high, which matters for inputs of mean 1
        var layer = matMul();
        var plan = new QuantizationPlan(
                List.of(),
                List.of(new QuantizationPlan.Weight(
                        "w", "product/MatMul", 1, Uniform.symmetric(4, 1, new double[] {1, 1, 1}))));
        var rounded = layer.copy();
        var quantizer = plan.weights().getFirst().quantizer();
        rounded.initializers()
                .put(
                        "w",
                        shifted(
                                quantizer.fakeQuantize(layer.initializers().get("w")),
                                quantizer.scale()[0]));
        var data = Map.of("x", shifted(Data.rows(SAMPLES, 2).get("x"), 1));

        // When
        var corrected = with(
                layer,
                data,
                samples -> BiasCorrection.apply(
                        layer, rounded, plan, samples, 0, SAMPLES, 10, Provider.cpu(), Progress.none()));

        // Then
        for (double difference : meanDifference(layer, plan.applyTo(rounded), data, 3)) {
            assertTrue(difference < -.5, "rounding must hurt, but changes the mean by only " + difference);
        }
        for (double difference : meanDifference(layer, plan.applyTo(corrected), data, 3)) {
            assertEquals(0, difference, 1e-4);
        }
        assertEquals(rounded.initializers().get("w"), corrected.initializers().get("w"));
    }

    @Test
    void convolutionsAreCorrectedPerOutputChannel() throws IOException {
        // Given: weights rounded to 2 bits
        var builder = new GraphBuilder(17, 5);
        builder.op(
                "y",
                "Conv",
                builder.input("image", DataType.FLOAT, -1, 3, Networks.SIDE, Networks.SIDE),
                builder.normal("w", .5, 4, 3, 1, 1),
                builder.normal("b", .3, 4));
        var layer = builder.output("y", DataType.FLOAT, -1, 4, Networks.SIDE, Networks.SIDE)
                .graph();
        var plan = new QuantizationPlan(
                List.of(), List.of(new QuantizationPlan.Weight("w", "y/Conv", 1, Uniform.symmetric(2, 0, new double[] {
                    1, 1, 1, 1
                }))));
        var data = Map.of("image", shifted(Data.images(8, 3).get("image"), 1.5f));

        // When
        var corrected = with(
                layer,
                data,
                samples -> BiasCorrection.apply(layer, layer, plan, samples, 0, 8, 3, Provider.cpu(), Progress.none()));

        // Then: [batch, 4, 64]
        var expected = run(layer, data).toFloats();
        var actual = run(plan.applyTo(corrected), data).toFloats();
        var mean = new double[4];
        for (int i = 0; i < expected.length; i++) {
            mean[i / 64 % 4] += (expected[i] - actual[i]) / (8 * 64);
        }
        for (double difference : mean) {
            assertEquals(0, difference, 1e-4);
        }
    }

    private static Tensor shifted(Tensor tensor, float by) {
        var values = tensor.toFloats();
        for (int i = 0; i < values.length; i++) {
            values[i] += by;
        }
        return Tensor.of(values, tensor.shape());
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void theHeldOutErrorIsNeverWorse(long seed) throws IOException {
        var random = new Random(seed);
        for (int bits : new int[] {8, 4, 3}) {
            // Given
            var model = PreparedModel.prepare(random.nextBoolean() ? Networks.mlp(seed) : Networks.conv(seed));
            var data = model.inputs().getFirst().getName().equals("x")
                    ? Data.rows(SAMPLES, seed)
                    : Data.images(SAMPLES, seed);
            var stages = with(
                    model,
                    data,
                    samples -> Stages.run(
                            model, samples, CalibrateSettings.plain(ActivationRange.MSE, bits, bits, List.of())));

            // When
            var result = tune(model, stages.plan(), data, Recipes.biases(true, SAMPLES));

            // Then
            var step = result.steps().getFirst();
            assertEquals(step.errorAfter() < step.errorBefore(), step.kept());
            assertEquals(step.kept(), result.model() != model);
            double before = error(model, stages.plan().applyTo(model), heldOut(data));
            double after = error(model, result.plan().applyTo(result.model()), heldOut(data));
            assertEquals(step.errorBefore(), before, 1e-3 * before + 1e-9);
            assertTrue(
                    after <= before * (1 + 1e-6),
                    "seed " + seed + ", " + bits + " bits: " + before + " became " + after);
        }
    }

    private static Map<String, Tensor> heldOut(Map<String, Tensor> data) {
        String name = data.keySet().iterator().next();
        return Map.of(name, data.get(name).rows(SAMPLES * 3 / 4, SAMPLES));
    }

    /** Squared error relative to the power. */
    private static double error(Graph reference, Graph other, Map<String, Tensor> data) {
        var expected = run(reference, data).toFloats();
        var actual = run(other, data).toFloats();
        double noise = 0;
        double power = 0;
        for (int i = 0; i < expected.length; i++) {
            noise += Math.pow(expected[i] - actual[i], 2);
            power += Math.pow(expected[i], 2);
        }
        return noise / power;
    }

    @Test
    void aCorrectionThatHurtsHeldOutSamplesIsDropped() throws IOException {
        // Given: only the samples that are trained on are clipped
        var layer = matMul();
        var rows = Data.rows(SAMPLES, 2).get("x").toFloats();
        for (int i = 0; i < rows.length; i++) {
            rows[i] = i < rows.length * 3 / 4 ? 2 + Math.abs(rows[i]) : -Math.abs(rows[i]) / 2;
        }
        var data = Map.of("x", Tensor.of(rows, SAMPLES, Networks.FEATURES));

        // When
        var result = tune(layer, clipped("product/MatMul"), data, Recipes.biases(true, SAMPLES));

        // Then
        assertFalse(result.steps().getFirst().kept());
        assertSame(layer, result.model());
    }

    @Test
    void whatIsSwitchedOffOrHasNoBiasIsLeftAlone() throws IOException {
        var layer = matMul();
        var off = tune(layer, clipped("product/MatMul"), Data.rows(8, 1), Recipes.biases(false, 8));
        var builder = new GraphBuilder(17, 5);
        builder.op("y", "MatMul", builder.input("x", DataType.FLOAT, -1, Networks.FEATURES), weight(builder));
        var bare = builder.output("y", DataType.FLOAT, -1, 3).graph();
        var nothing = tune(bare, clipped("y/MatMul"), Data.rows(8, 1), Recipes.biases(true, 8));

        assertEquals(List.of(), off.steps());
        assertSame(layer, off.model());
        assertSame(bare, nothing.model());
        assertFalse(nothing.steps().getFirst().kept());
    }

    @Test
    void samplesThatFillNoBatchOfAFixedModelChangeNothing() throws IOException {
        var builder = new GraphBuilder(17, 5);
        String product = builder.op(
                "product", "MatMul", builder.input("x", DataType.FLOAT, 8, Networks.FEATURES), weight(builder));
        builder.op("y", "Add", product, builder.normal("b", .3, 3));
        var fixed = builder.output("y", DataType.FLOAT, 8, 3).graph();

        var result = tune(fixed, clipped("product/MatMul"), Data.rows(8, 1), Recipes.biases(true, 8));

        assertSame(fixed, result.model());
    }
}
