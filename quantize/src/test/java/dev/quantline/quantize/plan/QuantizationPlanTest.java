package dev.quantline.quantize.plan;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.quantizer.Logarithmic;
import dev.quantline.quantize.quantizer.Tangent;
import dev.quantline.quantize.quantizer.Uniform;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class QuantizationPlanTest {
    static Stream<Arguments> networks() {
        return IntStream.of(8, 6, 4, 2)
                .boxed()
                .flatMap(bits -> Stream.of(
                        Arguments.of(bits, Networks.mlp(1), Data.rows(5, 1)),
                        Arguments.of(bits, Networks.conv(2), Data.images(3, 1)),
                        Arguments.of(bits, Networks.transformer(3), Data.tokens(4, 9, 1))));
    }

    private static Tensor run(Graph graph, Map<String, Tensor> data, Session.Optimization optimization) {
        try (var session = Session.open(graph, Provider.cpu(), optimization)) {
            return session.run(data).values().iterator().next();
        }
    }

    @ParameterizedTest
    @MethodSource("networks")
    void aPlanGivesAValidModelThatLoadsAtTheHighestLevelAndStaysClose(
            int bits, Graph network, Map<String, Tensor> data) {
        // Given
        var model = PreparedModel.prepare(network);

        // When
        var quantized = Grids.plan(model, bits, -16, 16).applyTo(model);

        // Then
        OnnxLibrary.check(quantized);
        assertEquals(network.inputs(), quantized.inputs());
        assertEquals(network.outputs(), quantized.outputs());
        assertEquals(model.opset(), quantized.opset());
        double noise =
                noise(run(model, data, Session.Optimization.NONE), run(quantized, data, Session.Optimization.ALL));
        assertTrue(Double.isFinite(noise) && (bits < 8 || noise < .02), "noise " + noise);
    }

    /** Squared difference relative to the squared reference. */
    private static double noise(Tensor reference, Tensor other) {
        assertArrayEquals(reference.shape(), other.shape());
        double signal = 0;
        double noise = 0;
        for (int i = 0; i < reference.size(); i++) {
            signal += reference.get(i) * reference.get(i);
            noise += Math.pow(other.get(i) - reference.get(i), 2);
        }
        return noise / signal;
    }

    @ParameterizedTest
    @MethodSource("networks")
    void weightsAreStoredAsCodesOnly(int bits, Graph network, Map<String, Tensor> data) {
        var model = PreparedModel.prepare(network);
        var plan = Grids.plan(model, bits, -6, 6);

        var constants = plan.applyTo(model).initializers();

        for (var weight : plan.weights()) {
            var codes = constants.get(weight.tensor() + "/quantized");
            assertFalse(constants.containsKey(weight.tensor()), weight.tensor());
            assertEquals(DataType.INT8, codes.type());
            for (long code : codes.toLongs()) {
                assertTrue(code >= -(1 << bits - 1) && code < 1 << bits - 1, "code " + code);
            }
        }
    }

    @Test
    void aQuantizedLayerComputesWithCodesAsItsDefinitionSays() {
        // Given: y = x w + b
        var builder = new GraphBuilder(17, 3);
        builder.op(
                "y",
                "Gemm",
                builder.input("x", DataType.FLOAT, -1, 3),
                builder.normal("w", 1, 3, 2),
                builder.normal("b", 1, 2));
        var graph = builder.output("y", DataType.FLOAT, -1, 2).graph();
        var plan = Grids.plan(graph, 8, -2, 3);
        var x = Tensor.of(new float[] {1.1f, -.3f, 2.2f, 9, -9, .01f}, 2, 3);

        // When
        var y = run(plan.applyTo(graph), Map.of("x", x), Session.Optimization.ALL)
                .toFloats();

        // Then
        var qx = plan.activations().getFirst().quantizer().fakeQuantize(x);
        var qw = plan.weights()
                .getFirst()
                .quantizer()
                .fakeQuantize(graph.initializers().get("w"));
        var b = graph.initializers().get("b");
        for (int i = 0; i < 4; i++) {
            double expected = b.get(i % 2);
            for (int k = 0; k < 3; k++) {
                expected += qx.get(i / 2 * 3 + k) * qw.get(k * 2 + i % 2);
            }
            assertEquals(expected, y[i], 1e-3);
        }
    }

    @Test
    void biasesAreInt32AtTheScaleOfTheProducts() {
        var model = PreparedModel.prepare(Networks.conv(1));
        var plan = Grids.plan(model, 8, -6, 6);
        var stem = plan.weights().getFirst();

        var constants = plan.applyTo(model).initializers();

        var bias = model.initializers().get("stem/Conv/bias");
        var codes = constants.get("stem/Conv/bias/quantized");
        var scale = constants.get("stem/Conv/bias/scale");
        assertEquals(DataType.INT32, codes.type());
        for (int c = 0; c < bias.size(); c++) {
            assertEquals(12 / 255.0 * stem.quantizer().scale()[c], scale.get(c), 1e-7);
            assertEquals(bias.get(c), codes.get(c) * scale.get(c), scale.get(c) * .51);
        }
    }

    @Test
    void theScaleOfABiasIsNeverNothing() {
        var builder = new GraphBuilder(17, 3);
        builder.op(
                "y",
                "Conv",
                builder.input("x", DataType.FLOAT, -1, 2, 3, 3),
                builder.normal("w", 1e-24, 4, 2, 1, 1),
                builder.constant("b", Tensor.of(new float[4], 4)));
        var graph = builder.output("y", DataType.FLOAT, -1, 4, 3, 3).graph();

        var constants = Grids.plan(graph, 8, -1e-24, 1e-24).applyTo(graph).initializers();

        for (float scale : constants.get("b/scale").toFloats()) {
            assertTrue(scale >= Float.MIN_NORMAL, "scale " + scale);
        }
    }

    @Test
    void narrowCodesSaturateAtTheirOwnEnds() {
        // Given: 3 bits between -1 and 2.5 represent 8 numbers 0.5 apart
        var builder = new GraphBuilder(17, 3);
        builder.op(
                "y",
                "MatMul",
                builder.input("x", DataType.FLOAT, -1, 1),
                builder.constant("w", Tensor.of(new float[] {1}, 1, 1)));
        var graph = builder.output("y", DataType.FLOAT, -1, 1).graph();
        var plan = Grids.plan(graph, 3, -1, 2.5);

        // When
        var x = Tensor.of(new float[] {-50, -1.1f, .2f, .3f, 2.4f, 2.6f, 50}, 7, 1);
        var y = run(plan.applyTo(graph), Map.of("x", x), Session.Optimization.ALL)
                .toFloats();

        // Then
        assertArrayEquals(new float[] {-1, -1, 0, .5f, 2.5f, 2.5f, 2.5f}, y, 1e-6f);
    }

    @Test
    void aClipGoesWhereCodesEndWithIt() {
        var builder = new GraphBuilder(17, 1);
        builder.op("a", "Conv", builder.input("x", DataType.FLOAT, -1, 3, 8, 8), builder.normal("w", 4, 5, 3, 3, 3));
        builder.op("y", "Clip", "a", builder.constant("0", Tensor.scalar(0)), builder.constant("6", Tensor.scalar(6)));
        var model = builder.output("y", DataType.FLOAT, -1, 5, 6, 6).graph();
        var data = Data.images(2, 3);
        var images = Map.of("x", data.values().iterator().next());

        for (double reach : new double[] {4, 6, 9}) {
            // When
            var quantized = Grids.plan(model, 8, 0, reach).applyTo(model);

            // Then: codes that go beyond 6 need the Clip
            assertEquals(reach > 6, quantized.nodes().stream().anyMatch(node -> node.is("Clip")), "reach " + reach);
            var floats = Grids.plan(model, 8, 0, reach);
            var result = run(quantized, images, Session.Optimization.NONE);
            var bounded = new QuantizationPlan(
                            floats.activations().stream()
                                    .filter(place -> !place.tensor().equals("y"))
                                    .toList(),
                            floats.weights())
                    .applyTo(model);
            assertEquals(
                    Uniform.asymmetric(8, 0, reach).fakeQuantize(run(bounded, images, Session.Optimization.NONE)),
                    result);
        }
    }

    @Test
    void aQuantizedGraphOutputKeepsItsName() {
        var builder = new GraphBuilder(17, 3);
        builder.op("y", "Conv", builder.input("x", DataType.FLOAT, -1, 2, 3, 3), builder.normal("w", 1, 4, 2, 1, 1));
        var graph = builder.output("y", DataType.FLOAT, -1, 4, 3, 3).graph();

        var quantized = Grids.plan(graph, 8, -4, 4).applyTo(graph);

        assertEquals(
                "DequantizeLinear",
                quantized.index().producer("y").orElseThrow().op());
        assertArrayEquals(
                new long[] {2, 4, 3, 3},
                run(quantized, Map.of("x", Tensor.zeros(DataType.FLOAT, 2, 2, 3, 3)), Session.Optimization.ALL)
                        .shape());
    }

    @Test
    void aConstantReadTwiceAtTwoScalesIsStoredTwice() {
        // Given: two products with the same weight, whose scales differ by a factor of ten
        var builder = new GraphBuilder(17, 3);
        builder.constant("w", Tensor.of(new float[] {.5f, -.25f, .125f, 1}, 2, 2));
        builder.op("a", "MatMul", builder.input("x", DataType.FLOAT, -1, 2), "w");
        builder.op("b", "MatMul", "x", "w");
        var graph = builder.output("a", DataType.FLOAT, -1, 2)
                .output("b", DataType.FLOAT, -1, 2)
                .graph();
        var grid = new QuantizationPlan.Activation(
                "x", Set.of("a/MatMul", "b/MatMul"), Uniform.asymmetric(8, -1, 1), "fixed");
        var plan = new QuantizationPlan(
                List.of(grid),
                List.of(
                        new QuantizationPlan.Weight("w", "a/MatMul", 1, Uniform.symmetric(8, 1, new double[] {1, 1})),
                        new QuantizationPlan.Weight(
                                "w", "b/MatMul", 1, Uniform.symmetric(8, 1, new double[] {10, 10}))));

        // When
        var x = Map.of("x", Tensor.of(new float[] {1, -1}, 1, 2));
        Map<String, Tensor> results;
        try (var session = Session.open(plan.applyTo(graph), Provider.cpu(), Session.Optimization.ALL)) {
            results = session.run(x);
        }

        // Then
        assertArrayEquals(new float[] {.375f, -1.25f}, results.get("a").toFloats(), .05f);
        assertArrayEquals(new float[] {.375f, -1.25f}, results.get("b").toFloats(), .15f);
    }

    @Test
    void tablesAreGatheredAsCodes() {
        var model = PreparedModel.prepare(Networks.transformer(1));

        var quantized = Grids.plan(model, 8, -6, 6).applyTo(model);

        var gather = quantized.nodes().stream()
                .filter(node -> node.is("Gather") && node.input(0).startsWith("word_table"))
                .findFirst()
                .orElseThrow();
        assertEquals("word_table/quantized", gather.input(0));
        assertEquals(
                "DequantizeLinear",
                quantized.index().onlyConsumer(gather.output()).orElseThrow().op());
        assertTrue(quantized.initializers().containsKey("position_table"));
    }

    @Test
    void otherQuantizersAreWrittenWhereThePlanSaysSo() {
        // Given
        var model = PreparedModel.prepare(Networks.transformer(1));
        var uniform = Grids.plan(model, 8, -6, 6);
        for (var softmax : List.of(new Logarithmic(8, 2, 1), new Tangent(8, 2.6, .5, 1))) {
            var plan = new QuantizationPlan(
                    uniform.activations().stream()
                            .map(site -> site.tensor().endsWith("softmax")
                                    ? new QuantizationPlan.Activation(site.tensor(), site.readers(), softmax, "product")
                                    : site)
                            .toList(),
                    uniform.weights());

            // When
            var quantized = plan.applyTo(model);

            // Then
            OnnxLibrary.check(quantized);
            var data = Data.tokens(2, 5, 1);
            double noise =
                    noise(run(model, data, Session.Optimization.NONE), run(quantized, data, Session.Optimization.ALL));
            assertTrue(noise < .05, softmax.label() + " " + noise);
        }
    }

    @Test
    void plansAreKeptInJson(@TempDir Path folder) throws IOException {
        // Given
        var plan = Grids.plan(PreparedModel.prepare(Networks.conv(1)), 5, -6, 6);
        var more = new QuantizationPlan(
                Stream.concat(
                                plan.activations().stream(),
                                Stream.of(
                                        new QuantizationPlan.Activation(
                                                "s", Set.of("b", "a"), new Logarithmic(4, 2, .9f), "max"),
                                        new QuantizationPlan.Activation(
                                                "t", Set.of(), new Tangent(4, 1.3, .4, .9f), "product")))
                        .toList(),
                plan.weights());
        var file = folder.resolve("plan.json");

        // When
        more.write(file);

        // Then
        assertEquals(more, QuantizationPlan.read(file));
    }

    @Test
    void otherFilesAreRefused(@TempDir Path folder) throws IOException {
        for (String text : List.of(
                "no plan",
                "{}",
                "[]",
                "{\"activations\": [], \"weights\": [{\"quantizer\": {\"type\": \"cubic\"}}]}",
                "{\"activations\": [{\"tensor\": \"x\", \"readers\": [], \"range\": \"mse\","
                        + " \"quantizer\": {\"type\": \"uniform\", \"bits\": 40, \"signed\": true, \"axis\": -1, \"scale\": [1],"
                        + " \"zeroPoint\": [0]}}], \"weights\": []}")) {
            var file = Files.writeString(folder.resolve("plan.json"), text);

            assertTrue(
                    assertThrows(BadInput.class, () -> QuantizationPlan.read(file))
                            .getMessage()
                            .contains("plan.json"),
                    text);
        }
    }

    @Test
    void aPlanForAnotherModelIsOurOwnFault() {
        var plan = Grids.plan(Networks.mlp(1), 8, -6, 6);

        assertThrows(IllegalStateException.class, () -> plan.applyTo(PreparedModel.prepare(Networks.conv(1))));
    }
}
