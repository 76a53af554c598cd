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
        var draft = new GraphBuilder(17, 9);
        draft.input("x", DataType.FLOAT, -1, CHANNELS, 6, 6);
        return draft;
    }

    private static String conv(GraphBuilder draft, String name, String x, int kernel, int pad, int stride, int groups) {
        return draft.op(
                name,
                "Conv",
                Map.of("pads", new long[] {pad, pad, pad, pad}, "strides", new long[] {stride, stride}, "group", (long)
                        groups),
                x,
                draft.normal(name + ".w", .4, CHANNELS, CHANNELS / groups, kernel, kernel),
                draft.normal(name + ".b", .2, CHANNELS));
    }

    private static String norm(GraphBuilder draft, String name, String x) {
        return draft.op(
                name,
                "BatchNormalization",
                x,
                draft.between(name + ".gamma", .5, 1.5, CHANNELS),
                draft.between(name + ".beta", -1, 1, CHANNELS),
                draft.between(name + ".mean", -1, 1, CHANNELS),
                draft.between(name + ".variance", .5, 2, CHANNELS));
    }

    private static Graph out(GraphBuilder draft, String y) {
        return draft.output(y, DataType.FLOAT, -1, CHANNELS, -1, -1).graph();
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
        // Given: 3 x 3, 1 x 1 and identity, each with its norm
        for (int groups : List.of(1, 2, 4)) {
            var draft = draft();
            String large = norm(draft, "large.norm", conv(draft, "large", "x", 3, 1, 1, groups));
            String small = norm(draft, "small.norm", conv(draft, "small", "x", 1, 0, 1, groups));
            String sum = draft.op("sum", "Add", draft.op("both", "Add", large, small), norm(draft, "identity", "x"));
            var graph = out(draft, draft.op("y", "Relu", sum));

            // When
            var merged = BranchMerging.apply(BatchNormFolding.apply(graph).graph());

            // Then
            assertEquals(List.of("Conv", "Relu"), operators(merged.graph()));
            assertEquals(List.of("sum/Add"), merged.applied());
            assertSame(graph, merged.graph());
        }
    }

    @Test
    void aPlainIdentityIsAKernelOfOnes() {
        var draft = draft();
        var graph = out(draft, draft.op("y", "Add", "x", conv(draft, "only", "x", 3, 1, 1, 1)));

        var merged = BranchMerging.apply(graph);

        assertEquals(List.of("Conv"), operators(merged.graph()));
        assertSame(graph, merged.graph());
    }

    @Test
    void stridedConvolutionsMergeWithoutAnIdentity() {
        var draft = draft();
        var graph = out(
                draft,
                draft.op("y", "Add", conv(draft, "large", "x", 3, 1, 2, 1), conv(draft, "small", "x", 1, 0, 2, 1)));

        var merged = BranchMerging.apply(graph);

        assertEquals(List.of("Conv"), operators(merged.graph()));
        assertSame(graph, merged.graph());
    }

    private static void assertRefused(Graph graph, String reason) {
        var merged = BranchMerging.apply(graph);

        assertEquals(List.of(), merged.applied());
        assertTrue(
                merged.refused().stream().anyMatch(text -> text.contains(reason)),
                merged.refused().toString());
        assertSame(graph, merged.graph());
    }

    @Test
    void aResidualAroundTwoLayersStays() {
        var draft = draft();
        String inner = draft.op("relu", "Relu", conv(draft, "first", "x", 3, 1, 1, 1));

        assertRefused(
                out(draft, draft.op("y", "Add", conv(draft, "second", inner, 3, 1, 1, 1), "x")), "different tensors");
    }

    @Test
    void branchesThatOthersReadStay() {
        var draft = draft();
        String branch = conv(draft, "small", "x", 1, 0, 1, 1);
        draft.op("y", "Add", conv(draft, "large", "x", 3, 1, 1, 1), branch);
        draft.op("other", "Neg", branch);

        assertRefused(out(draft, "y"), "");
        var both = draft.output("other", DataType.FLOAT, -1, CHANNELS, 6, 6).graph();
        assertTrue(operators(BranchMerging.apply(both).graph()).contains("Add"));
    }

    @Test
    void branchesThatDoNotLieOverEachOtherStay() {
        // Given: the same output size, one pixel apart
        var draft = draft();
        String moved = draft.op(
                "moved",
                "Conv",
                Map.of("pads", new long[] {0, 0, 2, 2}),
                "x",
                draft.normal("w", .4, CHANNELS, CHANNELS, 3, 3));

        assertRefused(out(draft, draft.op("y", "Add", conv(draft, "small", "x", 1, 0, 1, 1), moved)), "alignment");
    }

    @Test
    void branchesOfOtherGroupsStay() {
        var draft = draft();

        assertRefused(
                out(
                        draft,
                        draft.op("y", "Add", conv(draft, "one", "x", 3, 1, 1, 1), conv(draft, "two", "x", 3, 1, 1, 2))),
                "groups");
    }
}
