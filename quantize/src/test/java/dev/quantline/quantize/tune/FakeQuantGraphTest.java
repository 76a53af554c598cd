package dev.quantline.quantize.tune;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.fixture.Stages;
import dev.quantline.quantize.tune.Trainables.Kind;
import java.io.IOException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertEquals;

/** What is trained is what is exported: the simulated network and the QDQ model of the folded plan compute the same. */
class FakeQuantGraphTest {
    private static final int SAMPLES = 24;
    private static final Trainables ALL = new Trainables(Trainables.Weights.SHIFTED, true, true, true, false);

    @TempDir
    private Path folder;

    private Stages calibrated(String network, int bits) throws IOException {
        var model = PreparedModel.prepare(model(network));
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), data(network))))) {
            return Stages.run(
                    model, new Samples(data, model, Map.of()), CalibrateSettings.searched(bits, bits, List.of()));
        }
    }

    static Graph model(String network) {
        return switch (network) {
            case "conv" -> Networks.conv(3);
            case "transformer" -> Networks.transformer(3);
            default -> Networks.mlp(3);
        };
    }

    static Map<String, Tensor> data(String network) {
        return switch (network) {
            case "conv" -> Data.images(SAMPLES, 4);
            case "transformer" -> Data.tokens(SAMPLES, 12, 4);
            default -> Data.rows(SAMPLES, 4);
        };
    }

    private static float[] run(Graph graph, Map<String, Tensor> inputs) {
        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.BASIC)) {
            return session.run(inputs).values().iterator().next().toFloats();
        }
    }

    /** The graph with the values of trained tensors, and of inputs computed from them, filled in. */
    private static Graph filled(FakeQuantGraph fakeQuant, Map<String, Tensor> values) {
        var graph = fakeQuant.graph().copy();
        graph.initializers().putAll(values);
        var stored = fakeQuant.decided(values);
        for (var input : fakeQuant.derived()) {
            var computed = Tensor.zeros(DataType.FLOAT, input.shape());
            input.compute(stored, computed);
            graph.initializers().put(input.tensor(), computed);
        }
        return graph;
    }

    /** Biases of integer kernels lie on the grid of the sums, which is coarse in such narrow networks: everything else is exact. */
    private static void assertClose(float[] expected, float[] actual, double tolerance) {
        double error = 0;
        double power = 0;
        for (int i = 0; i < expected.length; i++) {
            error += Math.pow(expected[i] - actual[i], 2);
            power += Math.pow(expected[i], 2);
        }
        assertEquals(0, error / power, tolerance);
    }

    @ParameterizedTest
    @CsvSource({"mlp, 4, 1e-2", "conv, 4, 1e-2", "transformer, 4, 1e-9", "conv, 8, 4e-4"})
    void theStartIsThePlan(String network, int bits, double tolerance) throws IOException {
        // Given
        var stages = calibrated(network, bits);

        // When
        var fakeQuant = new FakeQuantGraph(
                Blocks.whole(stages.model()), stages.model(), stages.plan(), ALL, new RoundingRegularizer(0, 1));
        var start = fakeQuant.graph().initializers();

        // Then
        assertEquals(
                EnumSet.of(Kind.WEIGHT, Kind.BIAS, Kind.WEIGHT_SCALE, Kind.ACTIVATION_SCALE),
                EnumSet.copyOf(fakeQuant.parameters().values()));
        assertClose(run(stages.quantized(), data(network)), run(filled(fakeQuant, start), data(network)), tolerance);
    }

    @ParameterizedTest
    @CsvSource({"mlp, 4, 1e-2", "conv, 4, 1e-2", "transformer, 4, 1e-6", "conv, 8, 4e-4"})
    void whatIsTrainedIsWhatIsExported(String network, int bits, double tolerance) throws IOException {
        for (var weights : Trainables.Weights.values()) {
            // Given
            var stages = calibrated(network, bits);
            var trainables = new Trainables(weights, true, true, true, true);
            var fakeQuant = new FakeQuantGraph(
                    Blocks.whole(stages.model()),
                    stages.model(),
                    stages.plan(),
                    trainables,
                    new RoundingRegularizer(0, 1));
            var random = new Random(7);
            var values = new LinkedHashMap<String, Tensor>();
            fakeQuant
                    .parameters()
                    .keySet()
                    .forEach(name -> values.put(
                            name, moved(fakeQuant.graph().initializers().get(name), random)));

            // When
            var tuned = fakeQuant.fold(values);
            var exported = tuned.applyTo(stages.plan(), new SharedQuantizers(stages.model(), stages.plan()))
                    .applyTo(tuned.applyTo(stages.model()));

            // Then
            assertClose(run(exported, data(network)), run(filled(fakeQuant, values), data(network)), tolerance);
        }
    }

    private static Tensor moved(Tensor start, Random random) {
        var values = start.toFloats();
        for (int i = 0; i < values.length; i++) {
            values[i] += (float) (0.1 * random.nextGaussian());
        }
        return Tensor.of(values, start.shape());
    }
}
