package dev.quantline.onnx.rewrite;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class EqualizationTest {
    private static final long SEED = 12;

    /** A convolution to 4 channels of very different sizes, an activation, and a convolution that reads them. */
    private static Graph pair(String activation, int outputs, int groups, boolean dead) {
        var builder = new GraphBuilder(17, SEED);
        builder.input("x", DataType.FLOAT, -1, 3, 5, 5);
        var random = new Random(SEED);
        var w = new float[4 * 3];
        for (int i = 0; i < w.length; i++) {
            w[i] = (float) (random.nextGaussian() * Math.pow(8, i / 3 - 2));
        }
        builder.constant("w1", Tensor.of(w, 4, 3, 1, 1));
        String y = builder.op("first", "Conv", "x", "w1", builder.normal("b1", .5, 4));
        y = activation.isEmpty() ? y : builder.op("between", activation, y);
        builder.op(
                "second",
                "Conv",
                Map.of("group", (long) groups),
                y,
                builder.normal("w2", .5, outputs, 4 / groups, 3, 3));
        if (dead) {
            var values = builder.graph().initializers().get("w2");
            for (int o = 0; o < outputs; o++) {
                for (int k = 0; k < 9; k++) {
                    values.floats().put(o * 36 + k, 0);
                }
            }
        }
        return builder.output("second", DataType.FLOAT, -1, outputs, 3, 3).graph();
    }

    private static void assertSame(Graph expected, Graph actual) {
        var random = new Random(SEED);
        var values = new float[2 * 3 * 25];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        var data = Map.of("x", Tensor.of(values, 2, 3, 5, 5));
        var wanted = CanonicalTest.run(expected, data).toFloats();
        var got = CanonicalTest.run(actual, data).toFloats();
        for (int i = 0; i < wanted.length; i++) {
            assertEquals(wanted[i], got[i], 1e-4 * Math.max(1, Math.abs(wanted[i])));
        }
    }

    /** Largest magnitude of each of 4 channels along {@code axis}. */
    private static double[] largest(Tensor weight, int axis) {
        var largest = new double[4];
        int inner = weight.size() / weight.dim(0) / (axis == 1 ? weight.dim(1) : 1);
        for (int i = 0; i < weight.size(); i++) {
            largest[i / inner % 4] = Math.max(largest[i / inner % 4], Math.abs(weight.get(i)));
        }
        return largest;
    }

    @Test
    void bothSidesOfAChannelGetTheSameRangeAndTheNetworkComputesTheSame() {
        for (String activation : List.of("", "Relu", "LeakyRelu")) {
            var graph = pair(activation, 6, 1, false);

            var equal = new Equalization().apply(graph);

            assertEquals(List.of("second/Conv"), equal.rewrites().getFirst().applied());
            assertSame(graph, equal.graph());
            var nodes = equal.graph().nodes();
            var writes =
                    largest(equal.graph().initializers().get(nodes.getFirst().input(1)), 0);
            var reads = largest(equal.graph().initializers().get(nodes.getLast().input(1)), 1);
            assertArrayEquals(writes, reads, 1e-4);
        }
    }

    @Test
    void depthwiseReadersAreEqualizedAndMultipliedOnesLeftAlone() {
        var depthwise = pair("Relu", 4, 4, false);
        var multiplied = pair("Relu", 8, 4, false);

        assertEquals(
                1,
                new Equalization()
                        .apply(depthwise)
                        .rewrites()
                        .getFirst()
                        .applied()
                        .size());
        assertSame(depthwise, new Equalization().apply(depthwise).graph());
        assertEquals(
                0,
                new Equalization()
                        .apply(multiplied)
                        .rewrites()
                        .getFirst()
                        .applied()
                        .size());
        assertSame(multiplied, new Equalization().apply(multiplied).graph());
    }

    @Test
    void channelsNobodyReadsKeepTheirScale() {
        var graph = pair("Relu", 6, 1, true);

        var equal = new Equalization().apply(graph).graph();

        assertSame(graph, equal);
        assertEquals(
                largest(graph.initializers().get("w1"), 0)[0],
                largest(equal.initializers().get(equal.nodes().getFirst().input(1)), 0)[0],
                1e-6);
    }

    @Test
    void whatScalingDoesNotPassThroughIsRefused() {
        var result = new Equalization().apply(pair("Sigmoid", 6, 1, false));

        assertEquals(List.of(), result.rewrites().getFirst().applied());
        assertTrue(
                result.rewrites().getFirst().refused().stream().anyMatch(reason -> reason.startsWith("second/Conv")),
                result.rewrites().getFirst().refused().toString());
    }
}
