package dev.quantline.onnx.rewrite;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class BatchNormFoldingTest {
    private static final Map<String, Tensor> IMAGE =
            Map.of("x", Tensor.of(new float[] {1, -2, 3, .5f, 4, -1, 2, 0}, 1, 2, 2, 2));

    /** {@code x [batch, 2, 2, 2]}, a 1 x 1 convolution {@code conv} and a BatchNormalization {@code y} after it. */
    private static GraphBuilder normalized(String... bias) {
        var builder = new GraphBuilder(17, 4);
        builder.input("x", DataType.FLOAT, -1, 2, 2, 2);
        var inputs = bias.length == 0 ? new String[] {"x", "w"} : new String[] {"x", "w", bias[0]};
        builder.normal("w", 1, 3, 2, 1, 1);
        builder.op("conv", "Conv", inputs);
        builder.op(
                "y",
                "BatchNormalization",
                Map.of("epsilon", 1e-3f),
                "conv",
                builder.between("gamma", -1, 2, 3),
                builder.between("beta", -1, 1, 3),
                builder.between("mean", -1, 1, 3),
                builder.between("variance", .1, 2, 3));
        return builder.output("y", DataType.FLOAT, -1, 3, 2, 2);
    }

    private static List<String> operators(Graph graph) {
        return graph.nodes().stream().map(node -> node.op()).toList();
    }

    @Test
    void aFoldedNetworkComputesTheSame() {
        var canonical = Canonical.of(Networks.conv(5));
        var data = Data.images(3, 2);

        var result = new BatchNormFolding().apply(canonical);

        assertEquals(4, result.rewrites().getFirst().applied().size());
        assertEquals(List.of(), result.rewrites().getFirst().refused());
        assertTrue(!operators(result.graph()).contains("BatchNormalization"));
        assertArrayEquals(
                CanonicalTest.run(canonical, data).toFloats(),
                CanonicalTest.run(result.graph(), data).toFloats(),
                1e-4f);
    }

    @Test
    void aBiasBeforeTheNormIsFoldedToo() {
        var builder = normalized("b");
        var graph = builder.graph();
        builder.constant("b", Tensor.vector(.5f, -1f, 2f));

        var folded = new BatchNormFolding().apply(graph);

        assertEquals(List.of("Conv"), operators(folded.graph()));
        assertArrayEquals(
                CanonicalTest.run(graph, IMAGE).toFloats(),
                CanonicalTest.run(folded.graph(), IMAGE).toFloats(),
                1e-5f);
    }

    @Test
    void theOriginalIsNotTouched() {
        var graph = normalized().graph();
        var before = graph.toProto();

        new BatchNormFolding().apply(graph);

        assertEquals(before, graph.toProto());
    }

    @Test
    void aConvolutionThatOthersReadKeepsItsNorm() {
        var builder = normalized();
        builder.op("z", "Neg", "conv");

        var result = new BatchNormFolding()
                .apply(builder.output("z", DataType.FLOAT, -1, 3, 2, 2).graph());

        assertEquals(List.of(), result.rewrites().getFirst().applied());
        assertTrue(
                result.rewrites().getFirst().refused().getFirst().startsWith("y/BatchNormalization"),
                result.rewrites().getFirst().refused().toString());
        assertTrue(operators(result.graph()).contains("BatchNormalization"));
    }

    @Test
    void aConvolutionWithAComputedBiasKeepsItsNorm() {
        var builder = normalized("b");
        builder.input("b", DataType.FLOAT, 3);

        assertEquals(
                1,
                new BatchNormFolding()
                        .apply(builder.graph())
                        .rewrites()
                        .getFirst()
                        .refused()
                        .size());
    }

    @Test
    void halfPrecisionIsLeftAlone() {
        var builder = normalized();
        builder.constant("w", Tensor.zeros(DataType.FLOAT16, 3, 2, 1, 1));

        assertEquals(
                1,
                new BatchNormFolding()
                        .apply(builder.graph())
                        .rewrites()
                        .getFirst()
                        .refused()
                        .size());
    }
}
