package dev.quantline.quantize.plan;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.Canonical;
import dev.quantline.onnx.rewrite.PreparedModel;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class PlacementTest {
    private static Map<String, String> grids(Placement placement) {
        var grids = new LinkedHashMap<String, String>();
        placement.activations().values().forEach(site -> grids.put(site.tensor(), site.gridOf()));
        return grids;
    }

    private static List<String> weights(Placement placement) {
        return placement.weights().stream()
                .map(weight -> weight.tensor().replace("/folded", "") + " " + weight.axis())
                .toList();
    }

    @Test
    void aConvolutionalNetworkStaysOnTheGridFromEndToEnd() {
        var placement = Placement.of(PreparedModel.prepare(Networks.conv(1)), List.of());

        // Relus are absorbed, the residual Add is quantized, pooling and flattening share the grid of their input
        var expected = new LinkedHashMap<String, String>();
        for (String own : List.of("image", "stem.relu", "block.relu", "block.b.norm", "block.out")) {
            expected.put(own, own);
        }
        expected.put("pool", "block.out");
        expected.put("wide.relu", "wide.relu");
        expected.put("mean", "mean");
        expected.put("flat", "mean");
        assertEquals(expected, grids(placement));
        assertEquals(
                List.of("stem.weight 0", "block.a.weight 0", "block.b.weight 0", "wide.weight 0", "head.weight 0"),
                weights(placement));
        assertEquals(Set.of(), placement.activations().get("stem.relu").readers());
        assertEquals(1, placement.activations().get("image").readers().size());
    }

    @Test
    void inATransformerProductsReadCodesAndEverythingElseStaysFloat() {
        var placement = Placement.of(PreparedModel.prepare(Networks.transformer(1)), List.of());

        var expected = new LinkedHashMap<String, Integer>();
        expected.put("embedding.norm", 3);
        for (String layer : List.of("layer0", "layer1")) {
            if (layer.equals("layer1")) {
                expected.put("layer0.output.norm", 3);
            }
            for (String tensor :
                    List.of("query.heads", "key.heads", "softmax", "value.heads", "merged", "attention.norm", "gelu")) {
                expected.put(layer + "." + tensor, 1);
            }
        }
        assertEquals(
                expected,
                placement.activations().values().stream()
                        .collect(Collectors.toMap(
                                Placement.QuantizationPoint::tensor,
                                site -> site.readers().size(),
                                (one, other) -> one,
                                LinkedHashMap::new)));
        assertEquals("word_table 1", weights(placement).getFirst());
        assertEquals(13, placement.weights().size());
        assertTrue(weights(placement).stream().noneMatch(weight -> weight.contains("position_table")));
        assertTrue(weights(placement).stream().skip(1).allMatch(weight -> weight.endsWith(".weight 1")));
    }

    /** Two convolutions of {@code x}, followed by {@code tail} on their outputs {@code a} and {@code b}. */
    private static GraphBuilder two() {
        var builder = new GraphBuilder(17, 1);
        builder.input("x", DataType.FLOAT, -1, 2, 4, 4);
        builder.op("a", "Conv", "x", builder.normal("wa", 1, 4, 2, 1, 1));
        builder.op("b", "Conv", "x", builder.normal("wb", 1, 4, 2, 1, 1));
        return builder;
    }

    @Test
    void whatMovesNumbersSharesTheGridAndWhatMixesThemHasItsOwn() {
        var builder = two();
        builder.graph()
                .nodes()
                .add(Node.of("Split", List.of("a"), "left", "right").with("axis", 1L));
        builder.op("joined", "Concat", Map.of("axis", 1L), "left", "b");
        builder.op("turned", "Transpose", Map.of("perm", new long[] {0, 2, 3, 1}), "right");
        builder.op("reshaped", "Reshape", "turned", builder.constant("shape", Tensor.vector(0L, -1L)));
        builder.op("pooled", "AveragePool", Map.of("kernel_shape", new long[] {2, 2}), "joined");
        builder.op("done", "Sigmoid", "pooled");
        builder.op("after", "Transpose", "done");
        var graph = builder.output("after", DataType.FLOAT, -1, -1, -1, -1)
                .output("reshaped", DataType.FLOAT, -1, -1)
                .graph();

        assertEquals(
                Map.of(
                        "x",
                        "x",
                        "a",
                        "a",
                        "b",
                        "b",
                        "left",
                        "a",
                        "right",
                        "a",
                        "turned",
                        "a",
                        "reshaped",
                        "a",
                        "joined",
                        "joined",
                        "pooled",
                        "pooled"),
                grids(Placement.of(graph, List.of())));
    }

    @Test
    void aTableOfPositionsIsStoredAsCodesAndABiasIsNot() {
        var builder = new GraphBuilder(17, 1);
        builder.input("tokens", DataType.FLOAT, -1, 64, 96);
        builder.op("placed", "Add", "tokens", builder.normal("positions", 1, 1, 64, 96));
        builder.op("shifted", "Add", builder.normal("bias", 1, 96), "placed");
        var graph = PreparedModel.prepare(
                builder.output("shifted", DataType.FLOAT, -1, 64, 96).graph());

        var placement = Placement.of(graph, List.of());

        assertEquals(
                List.of("positions 2"),
                placement.weights().stream()
                        .map(weight -> weight.tensor() + " " + weight.axis())
                        .toList());
    }

    @Test
    void anAddIsOnTheGridOnlyWhenBothSidesAre() {
        var both = two();
        both.op("sum", "Add", "a", "b");
        var one = two();
        one.op("sum", "Add", "a", one.op("gate", "Sigmoid", "b"));

        assertTrue(grids(Placement.of(
                        both.output("sum", DataType.FLOAT, -1, 4, 4, 4).graph(), List.of()))
                .containsKey("sum"));
        assertFalse(grids(Placement.of(
                        one.output("sum", DataType.FLOAT, -1, 4, 4, 4).graph(), List.of()))
                .containsKey("sum"));
    }

    @Test
    void aClipBehindAConvolutionIsSwallowedWhereItBoundsItsOutput() {
        var builder = two();
        builder.op(
                "bounded",
                "Clip",
                "a",
                builder.constant("0", Tensor.scalar(0)),
                builder.constant("6", Tensor.scalar(6)));
        builder.op("mean", "GlobalAveragePool", "bounded");
        builder.op("bound", "Clip", "x", "", builder.op("largest", "ReduceMax", Map.of("keepdims", 0L), "b"));
        var graph = builder.output("mean", DataType.FLOAT, -1, 4, 1, 1)
                .output("bound", DataType.FLOAT, -1, 2, 4, 4)
                .graph();

        assertEquals(
                Map.of("x", "x", "bounded", "bounded", "mean", "mean", "b", "b"),
                grids(Placement.of(graph, List.of())));
        assertTrue(grids(Placement.of(graph, List.of("bounded"))).containsKey("a"));
    }

    @Test
    void aReluThatIsNotTheOnlyReaderIsNotSwallowed() {
        var builder = two();
        builder.op("relu", "Relu", "a");
        builder.op("other", "Neg", "a");
        for (String output : List.of("relu", "other", "b")) {
            builder.output(output, DataType.FLOAT, -1, 4, 4, 4);
        }

        var grids = grids(Placement.of(builder.graph(), List.of()));

        assertEquals("a", grids.get("a"));
        assertEquals("relu", grids.get("relu"));
    }

    @Test
    void weightsMayStandOnEitherSideAndTurned() {
        var builder = new GraphBuilder(17, 1);
        builder.input("x", DataType.FLOAT, -1, 4);
        builder.op("right", "MatMul", "x", builder.normal("w1", 1, 4, 3));
        builder.op("left", "MatMul", builder.normal("w2", 1, 5, 4), builder.op("xt", "Transpose", "x"));
        builder.op("turned", "Gemm", Map.of("transB", 1L), "x", builder.normal("w3", 1, 3, 4));
        builder.op("stack", "MatMul", "x", builder.normal("w4", 1, 2, 4, 3));
        builder.op("vector", "MatMul", "x", builder.normal("w5", 1, 4));

        assertEquals(
                List.of("w1 1", "w2 -1", "w3 0", "w4 -1", "w5 -1"), weights(Placement.of(builder.graph(), List.of())));
    }

    @Test
    void integersConstantsAndSmallTablesAreLeftAlone() {
        var builder = new GraphBuilder(17, 1);
        builder.input("ids", DataType.INT64, -1);
        builder.input("k", DataType.INT32, -1, 4);
        builder.op("small", "Gather", builder.normal("little", 1, 10, 4), "ids");
        builder.op("flat", "Gather", builder.normal("vector", 1, 5000), "ids");
        builder.op("whole", "MatMul", "k", builder.constant("m", Tensor.of(new int[8], 4, 2)));
        builder.op("constant", "MatMul", builder.normal("c", 1, 2, 2), builder.normal("d", 1, 2, 2));

        assertTrue(Placement.of(builder.graph(), List.of()).isEmpty());
    }

    @Test
    void constantsOfAttentionMasksAreNeverPutOnAGrid() {
        for (float penalty : new float[] {-10000, -1e9f, -Float.MAX_VALUE, Float.NEGATIVE_INFINITY}) {
            // Given: a mask that is added, one selected by Where, one looked up in a table, each read by a product
            var builder = new GraphBuilder(17, 1);
            builder.input("x", DataType.FLOAT, -1, 4, 64);
            builder.input("keep", DataType.BOOL, -1, 4, 64);
            builder.input("rows", DataType.INT64, -1, 4);
            String constant = builder.constant("penalty", Tensor.scalar(penalty));
            String inverse = builder.op(
                    "inverse",
                    "Sub",
                    builder.constant("1", Tensor.scalar(1)),
                    builder.op("number", "Cast", Map.of("to", 1L), "keep"));
            builder.op("added", "Add", "x", builder.op("mask", "Mul", inverse, constant));
            builder.op(
                    "picked",
                    "Transpose",
                    Map.of("perm", new long[] {0, 1, 2}),
                    builder.op("where", "Where", "keep", "x", constant));
            var causal = new float[64 * 64];
            causal[7] = penalty;
            builder.op("looked", "Gather", builder.constant("causal", Tensor.of(causal, 64, 64)), "rows");
            for (String tensor : List.of("added", "picked", "looked")) {
                builder.op(tensor + ".product", "MatMul", tensor, builder.normal(tensor + ".w", 1, 64, 2));
                builder.op(
                        tensor + ".attention",
                        "MatMul",
                        builder.op(tensor + ".softmax", "Softmax", tensor),
                        tensor + ".v");
                builder.input(tensor + ".v", DataType.FLOAT, -1, 64, 2);
            }

            // When
            var placement = Placement.of(builder.graph(), List.of());

            // Then: the outputs of Softmax are quantized, and so are all weights except the table
            assertEquals(
                    Set.of("added.softmax", "added.v", "picked.softmax", "picked.v", "looked.softmax", "looked.v"),
                    placement.activations().keySet());
            assertEquals(List.of("added.w 1", "picked.w 1", "looked.w 1"), weights(placement));
        }
    }

    @Test
    void namesAndGlobsOfNodesAndTensorsAreLeftFloat() {
        var graph = PreparedModel.prepare(Networks.conv(1));

        assertEquals(
                List.of("block.a.weight 0", "block.b.weight 0", "wide.weight 0", "head.weight 0"),
                weights(Placement.of(graph, List.of("stem/Conv"))));
        assertEquals(
                List.of("stem.weight 0", "wide.weight 0", "head.weight 0"),
                weights(Placement.of(graph, List.of("block.?/*"))));
        assertEquals(
                List.of("stem.weight 0", "block.a.weight 0", "block.b.weight 0", "wide.weight 0"),
                weights(Placement.of(graph, List.of("head.*"))));
        assertTrue(Placement.of(graph, List.of("*")).isEmpty());
    }

    @Test
    void anExcludedTensorIsQuantizedForNobody() {
        var graph = PreparedModel.prepare(Networks.conv(1));

        for (String tensor : List.of("image", "stem.relu", "mean", "flat")) {
            assertFalse(grids(Placement.of(graph, List.of(tensor))).containsKey(tensor), tensor);
        }
        var left = grids(Placement.of(PreparedModel.prepare(Networks.transformer(1)), List.of("layer1.softmax")));
        assertTrue(left.containsKey("layer0.softmax"));
        assertFalse(left.containsKey("layer1.softmax"));
    }

    @Test
    void namesWithBracketsAndSlashesMeanThemselves() {
        var builder = new GraphBuilder(17, 1);
        builder.op("y", "MatMul", builder.input("x", DataType.FLOAT, -1, 2), builder.normal("w", 1, 2, 2));
        Graph graph = builder.output("y", DataType.FLOAT, -1, 2).graph();
        graph.nodes().set(0, graph.nodes().getFirst().withName("/model/layers[0]/MatMul"));

        assertTrue(Placement.of(graph, List.of("/model/layers[0]/MatMul")).isEmpty());
        assertTrue(Placement.of(graph, List.of("/model/*")).isEmpty());
        assertFalse(Placement.of(graph, List.of("/model")).isEmpty());
    }

    @Test
    void whatIsNoGlobIsNamed() {
        var message = assertThrows(BadInput.class, () -> Placement.of(Networks.mlp(1), List.of("layer[0")))
                .getMessage();

        assertTrue(message.contains("layer[0") && message.contains("exclude"), message);
    }

    @Test
    void whatFitsNothingIsNamed() {
        var graph = Networks.mlp(1);
        var node = graph.nodes().getFirst();
        Placement.checkExcluded(List.of(node.name(), node.outputs().getFirst(), "*"), List.of(graph));

        var message = assertThrows(BadInput.class, () -> Placement.checkExcluded(List.of("nowhere*"), List.of(graph)))
                .getMessage();

        assertTrue(message.contains("nowhere*"), message);
        var near = assertThrows(
                        BadInput.class, () -> Placement.checkExcluded(List.of(node.name() + "s*"), List.of(graph)))
                .getMessage();
        assertTrue(near.contains("did you mean '" + node.name() + "'?"), near);
    }

    @Test
    void namesThatUsersKnowExcludeInHalfPrecisionToo() {
        // Given: one product that reads the input, and one without a name that computes the output
        var builder = new GraphBuilder(17, 1);
        builder.op(
                "first",
                "MatMul",
                builder.input("x", DataType.FLOAT16, -1, 3),
                builder.constant(
                        "w",
                        Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3)
                                .reshape(3, 2)
                                .half()));
        builder.op(
                "y",
                "MatMul",
                "first",
                builder.constant(
                        "v", Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3).half()));
        var model = builder.output("y", DataType.FLOAT16, -1, 3).graph();
        model.nodes().set(1, model.nodes().get(1).withName(""));

        // When
        var canonical = Canonical.of(model);

        // Then
        assertEquals(
                List.of("w", "v"),
                Placement.of(canonical, List.of()).weights().stream()
                        .map(Placement.Weight::tensor)
                        .toList());
        assertEquals(
                List.of("v"),
                Placement.of(canonical, List.of("x")).weights().stream()
                        .map(Placement.Weight::tensor)
                        .toList());
        assertEquals(
                List.of("w"),
                Placement.of(canonical, List.of("y")).weights().stream()
                        .map(Placement.Weight::tensor)
                        .toList());
        assertTrue(canonical.node("y").isPresent());
    }
}
