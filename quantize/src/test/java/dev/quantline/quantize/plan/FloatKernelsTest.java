package dev.quantline.quantize.plan;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.quantizer.Uniform;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

class FloatKernelsTest {
    private static final int OPSET = 17;

    @TempDir
    private Path folder;

    private static GraphBuilder draft(long... input) {
        var builder = new GraphBuilder(OPSET, 11);
        builder.input("x", DataType.FLOAT, input);
        return builder;
    }

    private static GraphBuilder convTranspose(int group) {
        var builder = draft(-1, 16, 9);
        builder.op(
                "y",
                "ConvTranspose",
                Map.of("strides", new long[] {2}, "group", (long) group),
                "x",
                builder.normal("w", .2, 16, 32 / group, 4),
                builder.normal("b", .1, 32));
        return builder.output("y", DataType.FLOAT, -1, 32, 20);
    }

    private static GraphBuilder recurrent(String op, int gates) {
        var builder = draft(-1, 7, 16);
        builder.op(
                "y",
                op,
                Map.of("hidden_size", 24L, "direction", "bidirectional"),
                "x",
                builder.normal("w", .2, 2, gates * 24L, 16),
                builder.normal("r", .2, 2, gates * 24L, 24));
        return builder.output("y", DataType.FLOAT, -1, 2, 7, 24);
    }

    private static GraphBuilder einsum() {
        var builder = draft(-1, 5, 16);
        builder.op("y", "Einsum", Map.of("equation", "bij,kj->bik"), "x", builder.normal("w", .2, 40, 16));
        return builder.output("y", DataType.FLOAT, -1, 5, 40);
    }

    private static GraphBuilder fused(boolean turned) {
        var builder = draft(-1, 16);
        builder.normal("w", .2, turned ? 40 : 16, turned ? 16 : 40);
        builder.graph()
                .nodes()
                .add(new Node("product", "FusedMatMul", "com.microsoft", List.of("x", "w"), List.of("y"), Map.of())
                        .with("alpha", .5f)
                        .with("transB", turned ? 1L : 0L));
        return builder.output("y", DataType.FLOAT, -1, 40);
    }

    private static GraphBuilder volume(int channels, int group) {
        var builder = draft(-1, channels, 6, 6, 6);
        builder.op(
                "y",
                "Conv",
                Map.of("group", (long) group),
                "x",
                builder.normal("w", .2, 32, channels / group, 3, 3, 3),
                builder.normal("b", .1, 32));
        return builder.output("y", DataType.FLOAT, -1, 32, 4, 4, 4);
    }

    static Stream<Arguments> places() {
        return Stream.of(
                Arguments.of(convTranspose(1).graph(), List.of("w 1 1")),
                Arguments.of(convTranspose(4).graph(), List.of("w 1 0")),
                Arguments.of(recurrent("LSTM", 4).graph(), List.of("w 1 1", "r 2 1")),
                Arguments.of(recurrent("GRU", 3).graph(), List.of("w 1 1", "r 2 1")),
                Arguments.of(recurrent("RNN", 1).graph(), List.of("w 1 1", "r 2 1")),
                Arguments.of(einsum().graph(), List.of("w 1 0")),
                Arguments.of(fused(false).graph().withOpset("com.microsoft", 1), List.of("w 1 1")),
                Arguments.of(fused(true).graph().withOpset("com.microsoft", 1), List.of("w 1 0")),
                Arguments.of(volume(8, 1).graph(), List.of("w 1 0")),
                Arguments.of(volume(32, 4).graph(), List.of("w 1 0")));
    }

    private static QuantizationPlan plan(Graph model, int bits) {
        return Grids.plan(model, bits, -6, 6);
    }

    private static Tensor run(Graph graph) {
        var input = graph.inputs().getFirst();
        var shape = ValueInfos.shape(input).orElseThrow();
        shape[0] = 3;
        var values = new float[(int) Tensor.count(shape)];
        var random = new Random(5);
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.ALL)) {
            return session.run(Map.of(input.getName(), Tensor.of(values, shape)))
                    .get("y");
        }
    }

    private static double noise(Tensor reference, Tensor other) {
        double noise = 0;
        double signal = 0;
        for (int i = 0; i < reference.size(); i++) {
            noise += Math.pow(reference.get(i) - other.get(i), 2);
            signal += Math.pow(reference.get(i), 2);
        }
        return noise / signal;
    }

    @ParameterizedTest
    @MethodSource("places")
    void weightsAreStoredAndActivationsStayFloat(Graph model, List<String> weights) {
        var placement = Placement.of(model, List.of());

        assertEquals(
                weights,
                placement.weights().stream()
                        .map(weight -> weight.tensor() + " " + weight.input() + " " + weight.axis())
                        .toList());
        assertEquals(Map.of(), placement.activations());
        assertTrue(Placement.of(model, List.of("y")).isEmpty());
    }

    @ParameterizedTest
    @MethodSource("places")
    void whatIsStoredIsRestoredWhenTheModelIsLoadedAndNotWhenItRuns(Graph model, List<String> weights)
            throws IOException {
        // When
        var quantized = plan(model, 8).applyTo(model);

        // Then: the file contains only codes
        OnnxLibrary.check(quantized);
        assertEquals(model.opset(), quantized.opset());
        for (String weight : List.of("w", "r")) {
            assertFalse(quantized.initializers().containsKey(weight), weight);
        }
        assertEquals(DataType.INT8, quantized.initializers().get("w/quantized").type());
        double noise = noise(run(model), run(quantized));
        assertTrue(noise > 0 && noise < 2e-4, "noise " + noise);
        // and only the node itself runs
        var file = folder.resolve("quantized.onnx");
        ModelFile.write(quantized, file);
        Session.writeOptimized(file, Provider.cpu(), folder.resolve("optimized.onnx"));
        var operators = ModelFile.operators(folder.resolve("optimized.onnx"));
        assertTrue(Stream.of("DequantizeLinear", "Cast", "Mul").noneMatch(operators::contains), operators.toString());
    }

    @Test
    void anOutputChannelHasTheScaleOfItsOwnWeights() {
        for (var graph : List.of(convTranspose(1).graph(), recurrent("LSTM", 4).graph(), einsum().graph())) {
            // Given: every other output has weights a thousand times smaller
            var weight = graph.initializers().get("w");
            int axis = Placement.of(graph, List.of()).weights().getFirst().axis();
            int inner = (int) IntStream.range(axis + 1, weight.rank())
                    .mapToLong(weight::dim)
                    .reduce(1, (one, other) -> one * other);
            var values = weight.toFloats();
            for (int i = 0; i < values.length; i++) {
                values[i] *= i / inner % 2 == 0 ? 1 : 1e-3f;
            }
            var scaled = Tensor.of(values, weight.shape());
            graph.initializers().put("w", scaled);

            // When
            var restored = plan(graph, 8)
                    .weights()
                    .getFirst()
                    .quantizer()
                    .fakeQuantize(scaled)
                    .toFloats();

            // Then: they are as exact as the others
            double noise = 0;
            double signal = 0;
            for (int i = 0; i < values.length; i++) {
                noise += i / inner % 2 == 0 ? 0 : Math.pow(values[i] - restored[i], 2);
                signal += i / inner % 2 == 0 ? 0 : Math.pow(values[i], 2);
            }
            assertTrue(noise / signal < 2e-4, "noise " + noise / signal);
        }
    }

    @Test
    void volumesOfManyChannelsAreConvolvedOnIntegers() {
        for (var graph : List.of(
                volume(16, 1).graph(), volume(32, 2).graph(), volume(32, 32).graph())) {
            assertTrue(Placement.of(graph, List.of()).activations().keySet().containsAll(List.of("x", "y")));
        }
        assertTrue(addPairs(volume(16, 1).graph()));
        assertFalse(addPairs(volume(8, 1).graph()), "products of floats cannot saturate");
    }

    private static boolean addPairs(Graph graph) {
        return IntegerProducts.addPairs(
                graph.nodes().getFirst(), graph.initializers().get("w"));
    }

    @Test
    void aConvolutionWithoutAGridIsNotRestoredOnEveryRun() {
        var builder = draft(-1, 8, 6, 6);
        builder.op("y", "Conv", "x", builder.normal("w", .2, 16, 8, 3, 3), builder.normal("b", .1, 16));
        var model = builder.output("y", DataType.FLOAT, -1, 16, 4, 4).graph();
        var weights = new QuantizationPlan(List.of(), plan(model, 4).weights());

        var quantized = weights.applyTo(model);

        assertTrue(quantized.nodes().stream().noneMatch(node -> node.is("DequantizeLinear")));
        assertTrue(noise(run(model), run(quantized)) < .05);
    }

    @Test
    void smallWeightsStayFloat() {
        var builder = draft(-1, 4, 9);
        builder.op("y", "ConvTranspose", "x", builder.normal("w", .2, 4, 8, 4));

        assertTrue(Placement.of(builder.output("y", DataType.FLOAT, -1, 8, 12).graph(), List.of())
                .isEmpty());
    }

    @Test
    void anOperandWithoutAChannelOfItsOwnHasOneScale() {
        var builder = draft(-1, 5, 32);
        builder.op("y", "Einsum", Map.of("equation", "bij,jk->bi"), "x", builder.normal("w", .2, 32, 32));
        var placement = Placement.of(builder.output("y", DataType.FLOAT, -1, 5).graph(), List.of());

        assertEquals(
                List.of(Uniform.PER_TENSOR),
                placement.weights().stream().map(Placement.Weight::axis).toList());
    }
}
