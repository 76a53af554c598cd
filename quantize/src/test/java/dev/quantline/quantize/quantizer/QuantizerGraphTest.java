package dev.quantline.quantize.quantizer;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Compares what quantizers write into a graph, run by ONNX Runtime, with their arithmetic in Java. */
class QuantizerGraphTest {
    private static final long SEED = 77;

    static Stream<Quantizer> uniform() {
        return Stream.of(2, 3, 4, 5, 6, 7, 8, 9, 12, 16)
                .flatMap(bits -> Stream.of(
                        Uniform.asymmetric(bits, -.7, 2.1),
                        Uniform.asymmetric(bits, 0, 3),
                        Uniform.symmetric(bits, Uniform.PER_TENSOR, new double[] {1.3})));
    }

    static Stream<Quantizer> nonlinear() {
        return NonlinearTest.quantizers();
    }

    private static Tensor run(Quantizer quantizer, Tensor x) {
        var graph = Graph.empty(quantizer instanceof Uniform uniform ? Math.max(17, uniform.opset()) : 17);
        graph.inputs().add(ValueInfos.of("x", DataType.FLOAT, -1));
        graph.outputs().add(ValueInfos.of("y", DataType.FLOAT, -1));
        quantizer.write(graph, "x", "x", "y");
        graph.sort();
        OnnxLibrary.check(graph);
        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.ALL)) {
            return session.run(Map.of("x", x)).get("y");
        }
    }

    private static float[] values() {
        var random = new Random(SEED);
        var values = new float[4000];
        for (int i = 0; i < values.length; i++) {
            values[i] = i < 100 ? 0 : (float) (i % 2 == 0 ? random.nextGaussian() * 2 : random.nextDouble());
        }
        return values;
    }

    @ParameterizedTest
    @MethodSource("uniform")
    void theRuntimeGivesTheSameNumbers(Quantizer quantizer) {
        var x = Tensor.vector(values());

        assertArrayEquals(
                quantizer.fakeQuantize(x).toFloats(), run(quantizer, x).toFloats(), quantizer.toString());
    }

    @ParameterizedTest
    @MethodSource("nonlinear")
    void theRuntimeTakesTheSameCodesButWhereTwoAreEquallyFar(Quantizer quantizer) {
        // Given
        var x = Tensor.vector(values());
        var expected = quantizer.fakeQuantize(x).toFloats();

        // When
        var actual = run(quantizer, x).toFloats();

        // Then: logarithms and tangents in float may round the other way at a threshold
        int different = 0;
        for (int i = 0; i < actual.length; i++) {
            int distance = Math.abs(quantizer.quantize(actual[i], 0) - quantizer.quantize(expected[i], 0));
            assertTrue(distance <= 1, quantizer + " at " + x.get(i) + ": " + expected[i] + " and " + actual[i]);
            different += distance;
        }
        assertTrue(
                different < 8, quantizer + ": " + different + " codes of " + actual.length + " differ, seed " + SEED);
    }

    @Test
    void codesPerChannelAreTheRuntimes() {
        // Given
        var random = new Random(SEED);
        var values = new float[3 * 4 * 5];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (random.nextGaussian() * (1 + i / 5 % 4));
        }
        var x = Tensor.of(values, 3, 4, 5);
        var quantizer = Uniform.symmetric(8, 1, new double[] {1, 2, .5, 3});
        var graph = Graph.empty(17);
        graph.inputs().add(ValueInfos.of("x", DataType.FLOAT, 3, 4, 5));
        graph.outputs().add(ValueInfos.of("codes", DataType.INT8, 3, 4, 5));
        graph.outputs().add(ValueInfos.of("y", DataType.FLOAT, 3, 4, 5));
        graph.nodes()
                .add(Node.of(
                                "QuantizeLinear",
                                List.of(
                                        "x",
                                        graph.addConstant("s", quantizer.scaleTensor()),
                                        graph.addConstant("z", quantizer.zeroPointTensor())),
                                "codes")
                        .with("axis", 1L));
        quantizer.writeRestore(graph, "x", "codes", 1, "y");

        // When
        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.NONE)) {
            var results = session.run(Map.of("x", x));

            // Then
            assertEquals(quantizer.quantize(x), results.get("codes"));
            assertArrayEquals(
                    quantizer.fakeQuantize(x).toFloats(), results.get("y").toFloats());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    void blocksAreTheRuntimes(int axis) {
        // Given: blocks of 4 along an axis whose size is not a multiple of 4
        var random = new Random(SEED);
        var shape = new long[] {3, 5, 7};
        shape[axis] = 10;
        var values = new float[(int) Tensor.count(shape)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        var x = Tensor.of(values, shape);
        var largest = random.doubles(values.length / 10 * 3, .5, 2).toArray();
        for (int bits : new int[] {2, 4, 8, 16}) {
            var quantizer = Uniform.symmetric(bits, axis, 4, largest);
            var graph = Graph.empty(21);
            graph.outputs().add(ValueInfos.of("y", DataType.FLOAT, shape));
            quantizer.writeRestore(graph, "x", graph.addConstant("codes", quantizer.quantize(x)), axis, "y");
            OnnxLibrary.check(graph);

            // When
            try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.ALL)) {
                // Then
                assertArrayEquals(
                        quantizer.fakeQuantize(x).toFloats(),
                        session.run(Map.of()).get("y").toFloats(),
                        bits + " bits");
            }
        }
    }
}
