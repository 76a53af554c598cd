package dev.quantline.onnx.rewrite;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class DeadChannelsTest {
    private static final long SEED = 4;

    /** Two convolutions with five channels between them: nothing writes channel 1, and nothing reads channel 3. */
    private static Graph pair(String activation, float bias, int pad, int groups) {
        var builder = new GraphBuilder(17, SEED);
        builder.input("x", DataType.FLOAT, -1, 3, 6, 6);
        builder.normal("w1", 1, 5, 3, 1, 1);
        builder.normal("w2", 1, groups == 1 ? 4 : 5, groups == 1 ? 5 : 1, 3, 3);
        var b1 = builder.normal("b1", 1, 5);
        var w1 = builder.graph().initializers().get("w1").floats();
        var w2 = builder.graph().initializers().get("w2").floats();
        for (int i = 0; i < 3; i++) {
            w1.put(3 + i, 0);
        }
        for (int i = 0; i < w2.limit(); i++) {
            w2.put(i, groups == 1 && i / 9 % 5 == 3 ? 0 : w2.get(i));
        }
        builder.graph().initializers().get("b1").floats().put(1, bias).put(3, 0);
        String y = builder.op("first", "Conv", "x", "w1", b1);
        y = activation.equals("none") ? y : builder.op("between", activation, y);
        builder.op("second", "Conv", Map.of("group", (long) groups, "pads", new long[] {pad, pad, pad, pad}), y, "w2");
        return builder.output("second", DataType.FLOAT, -1, groups == 1 ? 4 : 5, -1, -1)
                .graph();
    }

    private static float[] run(Graph graph) {
        var random = new Random(SEED);
        var x = Tensor.of(new float[2 * 3 * 36], 2, 3, 6, 6);
        for (var values = x.floats(); values.hasRemaining(); ) {
            values.put((float) random.nextGaussian());
        }
        return CanonicalTest.run(graph, Map.of("x", x)).toFloats();
    }

    @ParameterizedTest
    @CsvSource({"Relu, .7, 0", "Relu, -.7, 1", "LeakyRelu, -.7, 0", "none, -.7, 0", "none, 0, 1"})
    void channelsThatCarryNothingAreGone(String activation, float bias, int pad) {
        // Given
        var graph = pair(activation, bias, pad, 1);

        // When
        var result = new DeadChannels().apply(graph);

        // Then
        assertEquals(List.of("second/Conv"), result.rewrites().getFirst().applied());
        var convolutions =
                result.graph().nodes().stream().filter(node -> node.is("Conv")).toList();
        assertEquals(
                3,
                result.graph()
                        .initializers()
                        .get(convolutions.getFirst().input(1))
                        .dim(0));
        assertEquals(
                3,
                result.graph()
                        .initializers()
                        .get(convolutions.getLast().input(1))
                        .dim(1));
        assertArrayEquals(run(graph), run(result.graph()), 1e-5f);
    }

    @Test
    void aBiasThatPaddingWouldMeetStays() {
        var result = new DeadChannels().apply(pair("Relu", .7f, 1, 1));

        assertEquals(List.of(), result.rewrites().getFirst().applied());
        String reason = result.rewrites().getFirst().refused().getFirst();
        assertTrue(reason.startsWith("second/Conv: 2 dead channels") && reason.contains("is padded"), reason);
    }

    @Test
    void groupsAndLivingChannelsAreLeftAlone() {
        var grouped = new DeadChannels().apply(pair("Relu", 0, 0, 5));
        assertTrue(
                grouped.rewrites().getFirst().refused().getFirst().contains("grouped"),
                grouped.rewrites().getFirst().refused().toString());

        var living = pair("Relu", 0, 0, 1);
        living.initializers().replaceAll((name, tensor) -> {
            var values = tensor.toFloats();
            for (int i = 0; i < values.length; i++) {
                values[i] += 3;
            }
            return Tensor.of(values, tensor.shape());
        });
        var result = new DeadChannels().apply(living);
        assertEquals(List.of(), result.rewrites().getFirst().applied());
        assertEquals(List.of(), result.rewrites().getFirst().refused());
    }
}
