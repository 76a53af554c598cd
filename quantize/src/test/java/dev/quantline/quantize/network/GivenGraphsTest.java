package dev.quantline.quantize.network;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.evaluate.Comparison;
import dev.quantline.quantize.evaluate.Fidelity;
import dev.quantline.quantize.fixture.Recipes;
import dev.quantline.quantize.fixture.Stages;
import dev.quantline.quantize.plan.GivenCodes;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Distance;
import dev.quantline.quantize.settings.Recipe.Rates;
import dev.quantline.quantize.settings.Recipe.Training;
import dev.quantline.quantize.tune.Tuner;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Small graphs as exporters and optimizers write them, each of a different kind, pass through all stages. */
class GivenGraphsTest {
    private static final Training SHORT =
            new Training(40, 16, 0.5, Distance.MSE, new Rates(0.02, 0.05, 0.02, 0.005, 0.01, 0.005, 1e-6, 0), 0, 5);

    private static Path file(String name) {
        try {
            return Path.of(GivenGraphsTest.class.getResource(name).toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Fidelity compare(Path original, Graph graph, Samples samples) {
        var comparison = new Comparison();
        try (var before = Session.open(original, Provider.cpu(), Session.Optimization.ALL);
                var after = Session.open(graph, Provider.cpu(), Session.Optimization.EXACT)) {
            assertEquals(before.outputs(), after.outputs());
            samples.forEachBatch(
                    0,
                    samples.size(),
                    8,
                    fed -> comparison.add(fed, before.run(fed.arrays()), after.run(fed.arrays())));
        }
        return comparison.worst();
    }

    /** Weights that are codes afterwards, by the tensor that they are codes of. */
    @ParameterizedTest
    @CsvSource({
        "ms-fused, 14, 8, w1 w2 w3 qw",
        "ms-fused, 14, 4, w1 w2 w3 qw",
        "float16, 13, 8, c1.w c2.w fc.w",
        "float16, 13, 4, c1.w c2.w fc.w",
        "tied-shared-functions, 18, 8, emb.weight embT o0/wt l0/wt l1/wt o1/wt",
        "tied-shared-functions, 18, 4, emb.weight embT o0/wt l0/wt l1/wt o1/wt",
        "partly-quantized, 13, 8, w3 w4",
        "partly-quantized, 13, 4, w3 w4",
        "opset22, 22, 8, w1 w2",
        "opset22, 22, 4, w1 w2"
    })
    void whatCanBeQuantizedIs(String name, int opset, int bits, String weights) throws IOException {
        // Given
        var file = file(name + "/model.onnx");
        var original = ModelFile.read(file);
        assertEquals(opset, original.opset());
        try (var data = Dataset.open(List.of(file(name + "/data.npz")))) {
            // When
            var prepared = PreparedModel.prepare(original);
            var samples = new Samples(data, prepared, Map.of());
            var stages =
                    Stages.run(prepared, samples, CalibrateSettings.plain(ActivationRange.MSE, bits, 8, List.of()));
            var quantized = stages.quantized();

            // Then
            OnnxLibrary.check(quantized);
            assertEquals(
                    new TreeSet<>(List.of(weights.split(" "))),
                    new TreeSet<>(stages.plan().weights().stream()
                            .map(QuantizationPlan.Weight::tensor)
                            .toList()));
            assertEquals(Math.max(17, opset), quantized.opset());
            assertEquals(original.inputs(), quantized.inputs());
            assertEquals(original.outputs(), quantized.outputs());
            assertEquals(original.metadata(), quantized.metadata());
            double prepares = compare(file, prepared, samples).sqnrDb();
            assertTrue(prepares > 50, "prepared, " + prepares + " dB");
            double cosine = compare(file, quantized, samples).cosine();
            assertTrue(cosine > (bits == 8 ? .999 : .97), "at " + bits + " bits, cosine " + cosine);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "ms-fused",
                "float16",
                "tied-shared-functions",
                "partly-quantized",
                "opset22",
                "skl-mlp-label-first"
            })
    void theyAreTunedBelowEightBits(String name) throws IOException {
        // Given
        var file = file(name + "/model.onnx");
        try (var data = Dataset.open(List.of(file(name + "/data.npz")))) {
            var prepared = PreparedModel.prepare(ModelFile.read(file));
            var samples = new Samples(data, prepared, Map.of());
            var stages = Stages.run(prepared, samples, CalibrateSettings.plain(ActivationRange.MSE, 4, 8, List.of()));
            var settings = Recipes.tune(
                    "rounding: 'compensated', layers: 'reconstruct', whole: 'biases', bias: true, normalization: true",
                    samples.size(),
                    SHORT);

            // When
            var tuned =
                    Tuner.tune(stages.model(), stages.plan(), samples, settings, 16, Provider.cpu(), Progress.none());

            // Then
            var kept = tuned.steps().stream().filter(Tuner.Step::kept).toList();
            assertFalse(kept.isEmpty(), tuned.steps().toString());
            var quantized = tuned.plan().applyTo(tuned.model());
            OnnxLibrary.check(quantized);
            double before = compare(file, stages.quantized(), samples).sqnrDb();
            double after = compare(file, quantized, samples).sqnrDb();
            assertTrue(after > before, "nearest codes " + before + " dB, tuned " + after + " dB");
        }
    }

    @Test
    void layersThatCameQuantizedStayAsTheyWere() throws IOException {
        var file = file("partly-quantized/model.onnx");
        try (var data = Dataset.open(List.of(file("partly-quantized/data.npz")))) {
            var prepared = PreparedModel.prepare(ModelFile.read(file));
            var stages = Stages.run(prepared, new Samples(data, prepared, Map.of()), CalibrateSettings.int8());
            var quantized = stages.quantized();

            assertEquals(List.of("mi", "h2"), GivenCodes.layers(prepared));
            for (String tensor : List.of("xq", "mi", "h1", "q1", "dq1", "w2", "h2", "r2")) {
                assertEquals(maker(prepared, tensor), maker(quantized, tensor));
            }
            assertEquals(
                    prepared.initializers().get("w2q"), quantized.initializers().get("w2q"));
        }
    }

    private static Node maker(Graph graph, String tensor) {
        return graph.index().producer(tensor).orElseThrow();
    }

    @Test
    void ofAModelThatIsQuantizedNothingIsLeftToDo() throws IOException {
        var prepared = PreparedModel.prepare(ModelFile.read(file("already-qdq/model.onnx")));
        try (var data = Dataset.open(List.of(file("already-qdq/data.npz")))) {
            var samples = new Samples(data, prepared, Map.of());
            var message = assertThrows(BadInput.class, () -> Stages.run(prepared, samples, CalibrateSettings.int8()))
                    .getMessage();

            assertTrue(
                    message.startsWith(
                            "nothing left to do: the model is quantized already, and its 6 quantized layers"),
                    message);
        }
    }

    @Test
    void anOperatorOfAnotherDomainHidesNoTypes() throws IOException {
        var file = file("skl-mlp-label-first/model.onnx");
        try (var data = Dataset.open(List.of(file("skl-mlp-label-first/data.npz")))) {
            var prepared = PreparedModel.prepare(ModelFile.read(file));
            var stages = Stages.run(prepared, new Samples(data, prepared, Map.of()), CalibrateSettings.int8());

            assertEquals(
                    List.of("w1", "w2"),
                    stages.plan().weights().stream()
                            .map(QuantizationPlan.Weight::tensor)
                            .toList());
            assertFalse(stages.plan().activations().isEmpty());
        }
    }
}
