package dev.quantline.quantize.network;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.Equalization;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.evaluate.Fidelity;
import dev.quantline.quantize.fixture.Recipes;
import dev.quantline.quantize.fixture.Stages;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Distance;
import dev.quantline.quantize.settings.Recipe.Rates;
import dev.quantline.quantize.settings.Recipe.Training;
import dev.quantline.quantize.tune.Tuner;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Networks with dead channels or constant data pass through all stages. */
class DeadChannelNetworksTest {
    private static final Training SHORT =
            new Training(12, 8, 0.5, Distance.MSE, new Rates(0.02, 0.05, 0.02, 0.005, 0.01, 0.005, 1e-6, 0), 1, 5);

    @TempDir
    private Path folder;

    /** Sets each output channel, in every tensor with this many rows, to 0 with this probability. */
    private static Graph withDeadChannels(Graph network, Random random) {
        network.initializers().replaceAll((name, tensor) -> {
            if (tensor.type() != DataType.FLOAT || !name.endsWith("weight") && !name.endsWith("gamma")) {
                return tensor;
            }
            var values = tensor.toFloats();
            int row = values.length / tensor.dim(0);
            for (int c = 0; c < tensor.dim(0); c++) {
                float size = random.nextInt(3) > 0 ? 1 : new float[] {0, Float.MIN_VALUE, 1e-30f}[random.nextInt(3)];
                for (int i = c * row; i < (c + 1) * row; i++) {
                    values[i] *= size;
                }
            }
            return Tensor.of(values, tensor.shape());
        });
        return network;
    }

    private static Tensor still(Tensor data, int kind) {
        var values = data.toFloats();
        for (int i = 0; i < values.length; i++) {
            values[i] = switch (kind) {
                case 0 -> 0;
                case 1 -> 0.25f;
                case 2 -> values[i] * 1e-38f;
                default -> values[i];
            };
        }
        return Tensor.of(values, data.shape());
    }

    private static Tensor run(Graph graph, Map<String, Tensor> data) {
        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.ALL)) {
            return session.run(data).values().iterator().next();
        }
    }

    private static void assertScales(QuantizationPlan plan, String what) {
        plan.weights().forEach(weight -> {
            for (float scale : weight.quantizer().scale()) {
                assertTrue(scale > 0 && Float.isFinite(scale), what + ", " + weight.tensor() + ": " + scale);
            }
        });
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7})
    void everyStageTakesThem(int seed) throws IOException {
        String what = "seed " + seed;
        var random = new Random(seed);
        boolean images = seed % 2 == 0;
        var network = withDeadChannels(images ? Networks.conv(seed) : Networks.mlp(seed), random);
        int count = seed < 6 ? 32 : 1;
        var arrays = images
                ? Map.of("image", still(Data.images(count, seed).get("image"), seed / 2))
                : Map.of("x", still(Data.rows(count, seed).get("x"), seed / 2));
        var model = PreparedModel.prepare(network);
        var settings = seed < 4
                ? CalibrateSettings.searched(4, 4, List.of())
                : CalibrateSettings.plain(ActivationRange.MAE, 4, 4, List.of());
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), arrays)))) {
            var samples = new Samples(data, model, Map.of());
            var stages = Stages.run(model, samples, settings, 8);
            assertScales(stages.plan(), what);

            var tuned = Tuner.tune(
                    stages.model(),
                    stages.plan(),
                    samples,
                    Recipes.tune(
                            "rounding: 'compensated', layers: 'reconstruct', whole: 'all', bias: true, affine: true, normalization: true",
                            count,
                            SHORT),
                    8,
                    Provider.cpu(),
                    Progress.none());

            assertScales(tuned.plan(), what);
            for (float value : run(tuned.plan().applyTo(tuned.model()), arrays).toFloats()) {
                assertTrue(Float.isFinite(value), what + ": " + value);
            }
        }
    }

    @Test
    void theBiasOfADeadChannelIsKept() throws IOException {
        // Given: half the outputs consist only of their bias
        var builder = new GraphBuilder(17, 1);
        var values = new float[8 * 3 * 9];
        var random = new Random(4);
        for (int i = 0; i < values.length; i++) {
            values[i] = i / 27 % 2 == 0 ? 0 : (float) random.nextGaussian();
        }
        builder.op(
                "y",
                "Conv",
                builder.input("image", DataType.FLOAT, -1, 3, 8, 8),
                builder.constant("w", Tensor.of(values, 8, 3, 3, 3)),
                builder.between("b", -.02, .02, 8));
        var model = builder.output("y", DataType.FLOAT, -1, 8, 6, 6).graph();
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), Data.images(32, 1))))) {
            var stages = Stages.run(model, new Samples(data, model, Map.of()), CalibrateSettings.int8());
            var constants = stages.quantized().initializers();

            for (int c = 0; c < 8; c += 2) {
                double restored = constants.get("b/quantized").get(c)
                        * constants.get("b/scale").get(c);
                assertEquals(model.initializers().get("b").get(c), restored, 1e-7);
            }
        }
    }

    @Test
    void equalisingDividesByNoDeadChannel() {
        for (int seed = 0; seed < 10; seed++) {
            var random = new Random(seed);
            var builder = new GraphBuilder(17, seed);
            String x = builder.op(
                    "a",
                    "Conv",
                    builder.input("image", DataType.FLOAT, -1, 3, 8, 8),
                    builder.normal("a.weight", 1, 8, 3, 3, 3),
                    builder.between("a.bias", -1, 1, 8));
            builder.op("y", "Conv", builder.op("relu", "Relu", x), builder.normal("b.weight", 1, 8, 8, 1, 1));
            var network = withDeadChannels(
                    builder.output("y", DataType.FLOAT, -1, 8, 6, 6).graph(), random);

            var equalised = new Equalization().apply(network).graph();

            var fidelity = new Fidelity();
            var images = Data.images(4, seed);
            fidelity.add(run(network, images), run(equalised, images));
            assertTrue(fidelity.sqnrDb() > 80, "seed " + seed + ", " + fidelity.sqnrDb() + " dB");
        }
    }
}
