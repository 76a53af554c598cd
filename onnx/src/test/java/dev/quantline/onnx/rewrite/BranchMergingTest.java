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

class BranchMergingTest {
    private static final int CHANNELS = 4;

    private static GraphBuilder draft() {
        var builder = new GraphBuilder(17, 9);
        builder.input("x", DataType.FLOAT, -1, CHANNELS, 6, 6);
        return builder;
    }

    private static String conv(
            GraphBuilder builder, String name, String x, int kernel, int pad, int stride, int groups) {
        return builder.op(
                name,
                "Conv",
                Map.of("pads", new long[] {pad, pad, pad, pad}, "strides", new long[] {stride, stride}, "group", (long)
                        groups),
                x,
                builder.normal(name + ".w", .4, CHANNELS, CHANNELS / groups, kernel, kernel),
                builder.normal(name + ".b", .2, CHANNELS));
    }

    private static String norm(GraphBuilder builder, String name, String x) {
        return builder.op(
                name,
                "BatchNormalization",
                x,
                builder.between(name + ".gamma", .5, 1.5, CHANNELS),
                builder.between(name + ".beta", -1, 1, CHANNELS),
                builder.between(name + ".mean", -1, 1, CHANNELS),
                builder.between(name + ".variance", .5, 2, CHANNELS));
    }

    private static Graph out(GraphBuilder builder, String y) {
        return builder.output(y, DataType.FLOAT, -1, CHANNELS, -1, -1).graph();
    }

    private static void assertSame(Graph expected, Graph actual) {
        var values = new float[2 * CHANNELS * 36];
        var random = new Random(3);
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        var data = Map.of("x", Tensor.of(values, 2, CHANNELS, 6, 6));
        assertArrayEquals(
                CanonicalTest.run(expected, data).toFloats(),
                CanonicalTest.run(actual, data).toFloats(),
                1e-4f);
    }

    private static List<String> operators(Graph graph) {
        return graph.nodes().stream().map(node -> node.op()).toList();
    }

    @Test
    void aRepVggBlockBecomesOneConvolution() {
        // Given: 3 x 3, 1 x 1 and identity, each with its own norm
        for (int groups : List.of(1, 2, 4)) {
            var builder = draft();
            String large = norm(builder, "large.norm", conv(builder, "large", "x", 3, 1, 1, groups));
            String small = norm(builder, "small.norm", conv(builder, "small", "x", 1, 0, 1, groups));
            String sum =
                    builder.op("sum", "Add", builder.op("both", "Add", large, small), norm(builder, "identity", "x"));
            var graph = out(builder, builder.op("y", "Relu", sum));

            // When
            var merged = new BranchMerging()
                    .apply(new BatchNormFolding().apply(graph).graph());

            // Then
            assertEquals(List.of("Conv", "Relu"), operators(merged.graph()));
            assertEquals(List.of("sum/Add"), merged.rewrites().getFirst().applied());
            assertSame(graph, merged.graph());
        }
    }

    @Test
    void aPlainIdentityIsAKernelOfOnes() {
        var builder = draft();
        var graph = out(builder, builder.op("y", "Add", "x", conv(builder, "only", "x", 3, 1, 1, 1)));

        var merged = new BranchMerging().apply(graph);

        assertEquals(List.of("Conv"), operators(merged.graph()));
        assertSame(graph, merged.graph());
    }

    @Test
    void stridedConvolutionsMergeWithoutAnIdentity() {
        var builder = draft();
        var graph = out(
                builder,
                builder.op(
                        "y", "Add", conv(builder, "large", "x", 3, 1, 2, 1), conv(builder, "small", "x", 1, 0, 2, 1)));

        var merged = new BranchMerging().apply(graph);

        assertEquals(List.of("Conv"), operators(merged.graph()));
        assertSame(graph, merged.graph());
    }

    private static void assertRefused(Graph graph, String reason) {
        var merged = new BranchMerging().apply(graph);

        assertEquals(List.of(), merged.rewrites().getFirst().applied());
        assertTrue(
                merged.rewrites().getFirst().refused().stream().anyMatch(text -> text.contains(reason)),
                merged.rewrites().getFirst().refused().toString());
        assertSame(graph, merged.graph());
    }

    @Test
    void aResidualAroundTwoLayersStays() {
        var builder = draft();
        String inner = builder.op("relu", "Relu", conv(builder, "first", "x", 3, 1, 1, 1));

        assertRefused(
                out(builder, builder.op("y", "Add", conv(builder, "second", inner, 3, 1, 1, 1), "x")),
                "different tensors");
    }

    @Test
    void branchesThatOthersReadStay() {
        var builder = draft();
        String branch = conv(builder, "small", "x", 1, 0, 1, 1);
        builder.op("y", "Add", conv(builder, "large", "x", 3, 1, 1, 1), branch);
        builder.op("other", "Neg", branch);

        assertRefused(out(builder, "y"), "");
        var both = builder.output("other", DataType.FLOAT, -1, CHANNELS, 6, 6).graph();
        assertTrue(operators(new BranchMerging().apply(both).graph()).contains("Add"));
    }

    @Test
    void branchesThatDoNotLieOverEachOtherStay() {
        // Given: the same output size, but one pixel apart
        var builder = draft();
        String moved = builder.op(
                "moved",
                "Conv",
                Map.of("pads", new long[] {0, 0, 2, 2}),
                "x",
                builder.normal("w", .4, CHANNELS, CHANNELS, 3, 3));

        assertRefused(
                out(builder, builder.op("y", "Add", conv(builder, "small", "x", 1, 0, 1, 1), moved)), "alignment");
    }

    @Test
    void branchesOfOtherGroupsStay() {
        var builder = draft();

        assertRefused(
                out(
                        builder,
                        builder.op(
                                "y",
                                "Add",
                                conv(builder, "one", "x", 3, 1, 1, 1),
                                conv(builder, "two", "x", 3, 1, 1, 2))),
                "groups");
    }
}
