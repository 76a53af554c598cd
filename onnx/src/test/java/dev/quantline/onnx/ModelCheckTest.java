package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.SparseTensorProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import dev.quantline.fixture.Checkout;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Models that kill the process, or use up all its memory, when native code sees them. */
class ModelCheckTest {
    private static final Tensor TWO = Tensor.vector(2, 2);

    /** A node with one attribute or one constant, and words of its rejection; none if it is valid. */
    private record Case(Node node, Tensor constant, String... words) {
        @Override
        public String toString() {
            return node.op()
                    + node.attributes().keySet()
                    + (constant == null ? "" : constant)
                    + String.join(" ", words);
        }

        ModelProto model() {
            var graph = GraphProto.newBuilder().addNode(node.toProto());
            if (constant != null) {
                graph.addInitializer(TensorProtos.toProto("c", constant));
            }
            return ModelProto.newBuilder().setGraph(graph).build();
        }
    }

    private static Case with(String op, String attribute, Object value, String... words) {
        return new Case(
                Node.of(op, List.of("x", "w"), "y").with(attribute, value).withName("n"), null, words);
    }

    /** A case in which {@code c} is the constant. */
    private static Case reading(String op, List<String> inputs, Tensor constant, String... words) {
        return new Case(Node.of(op, inputs, "y").withName("n"), constant, words);
    }

    static List<Case> cases() {
        return List.of(
                with("Conv", "strides", new long[] {0, 0}, "strides is 0", "1 to 1048576"),
                with("Conv", "strides", new long[] {1, -1}, "strides is -1"),
                with("Conv", "strides", new long[] {2, 2}),
                with("Conv", "dilations", new long[] {1, 0}, "dilations is 0"),
                with("MaxPool", "kernel_shape", new long[] {1L << 40, 1}, "kernel_shape is 1099511627776"),
                with("Conv", "group", 0L, "group is 0"),
                with("Conv", "pads", new long[] {-1, 0, 0, 0}, "pads is -1"),
                with("Pad", "pads", new long[] {-1, 0}),
                with("DepthToSpace", "blocksize", 0L, "blocksize is 0"),
                with("MultiHeadAttention", "num_heads", 0L, "num_heads is 0"),
                with("RotaryEmbedding", "num_heads", 0L),
                with("Split", "num_outputs", 0L, "num_outputs is 0"),
                with("Softmax", "axis", 64L, "axis is 64", "-64 to 63"),
                with("Softmax", "axis", -1L),
                with("Transpose", "perm", new long[] {0, 0, 1}, "perm is [0, 0, 1]", "permutation"),
                with("Transpose", "perm", new long[] {2, 0, 1}),
                with("LeakyRelu", "alpha", Float.NaN, "alpha is NaN"),
                with("ConstantOfShape", "shape", new long[] {1L << 40}, "shape is 1099511627776"),
                reading(
                        "OneHot",
                        List.of("x", "c", "v"),
                        Tensor.vector(200_000_000),
                        "1600000000 elements",
                        "134217728"),
                reading("OneHot", List.of("x", "c", "v"), Tensor.vector(1000)),
                reading("Expand", List.of("x", "c"), Tensor.vector(1L << 31, 1L << 31), "elements"),
                reading("Expand", List.of("x", "c"), Tensor.vector(1, -1, 64)),
                reading("Tile", List.of("x", "c"), Tensor.vector(1 << 20, 1 << 20), "elements"),
                reading("ConstantOfShape", List.of("c"), Tensor.vector(1L << 40), "elements"),
                reading("Reshape", List.of("x", "c"), Tensor.vector(1L << 40, -1), "elements"),
                reading("Resize", List.of("x", "", "", "c"), Tensor.vector(1, 3, 1 << 20, 1 << 20), "elements"),
                reading("Resize", List.of("x", "", "c"), Tensor.of(new float[] {1, 1, 0, 2}, 4), "scales by"),
                reading("Resize", List.of("x", "", "c"), Tensor.of(new float[] {1, 1, 2, 2}, 4)),
                reading("Upsample", List.of("x", "c"), Tensor.of(new float[] {1, 1, 1e9f, 2}, 4), "scales by"),
                reading("Pad", List.of("x", "c"), Tensor.vector(0, 1L << 40), "pads by"),
                reading("Pad", List.of("x", "c"), Tensor.vector(0, -1)),
                reading("Range", List.of("a", "b", "c"), Tensor.vector(0), "steps of 0"),
                reading("Range", List.of("c", "c", "c"), Tensor.vector(1)),
                reading("Div", List.of("x", "c"), Tensor.vector(2, 0), "divides integers by 0"),
                reading("Mod", List.of("x", "c"), Tensor.vector(0), "divides integers by 0"),
                reading("Div", List.of("x", "c"), Tensor.of(new float[] {0}, 1)),
                reading("Mod", List.of("x", "c"), TWO));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void whatEndsTheProcessIsRefusedByName(Case given) {
        if (given.words().length == 0) {
            assertDoesNotThrow(() -> ModelCheck.check(given.model()));
            return;
        }
        var refused = assertThrows(BadInput.class, () -> ModelCheck.check(given.model()));

        assertTrue(refused.getMessage().startsWith("node 'n' (" + given.node().op() + ")"), refused.getMessage());
        for (String word : given.words()) {
            assertTrue(refused.getMessage().contains(word), refused.getMessage());
        }
    }

    @Test
    void theRangeOfCountsBetweenConstantsIsBounded() {
        var graph = GraphProto.newBuilder()
                .addNode(Node.of("Range", List.of("a", "b", "c"), "y").toProto())
                .addInitializer(TensorProtos.toProto("a", Tensor.vector(-5)))
                .addInitializer(TensorProtos.toProto("b", Tensor.vector(1L << 40)))
                .addInitializer(TensorProtos.toProto("c", Tensor.vector(2)));

        assertTrue(refusal(graph).contains("produces a tensor of 549755813891 elements"), refusal(graph));
    }

    private static String refusal(GraphProto.Builder graph) {
        var model = ModelProto.newBuilder().setGraph(graph).build();
        return assertThrows(BadInput.class, () -> ModelCheck.check(model)).getMessage();
    }

    private static NodeProto holding(GraphProto body) {
        return NodeProto.newBuilder()
                .setName("if")
                .setOpType("If")
                .addOutput("z")
                .addAttribute(AttributeProto.newBuilder().setName("then_branch").setG(body))
                .build();
    }

    private static ModelProto nested(int depth) {
        var graph = GraphProto.newBuilder().build();
        for (int i = 0; i < depth; i++) {
            graph = GraphProto.newBuilder().addNode(holding(graph)).build();
        }
        return ModelProto.newBuilder().setGraph(graph).build();
    }

    @Test
    void bodiesLieOnlySoDeepInEachOther() {
        int most = (int) Limit.NESTING.value();

        assertDoesNotThrow(() -> ModelCheck.check(nested(most)));
        assertTrue(assertThrows(BadInput.class, () -> ModelCheck.check(nested(most + 1)))
                .getMessage()
                .startsWith("body 'then_branch' of node 'if' (If) is nested 9 bodies deep"));
    }

    @Test
    void constantsOfTheGraphAroundABodyCountInIt() {
        var body = GraphProto.newBuilder()
                .addNode(Node.of("Expand", List.of("x", "c"), "y").toProto())
                .build();
        var constant = NodeProto.newBuilder()
                .setOpType("Constant")
                .addOutput("c")
                .addAttribute(AttributeProto.newBuilder()
                        .setName("value")
                        .setT(TensorProtos.toProto("", Tensor.vector(1L << 50))));

        assertTrue(refusal(GraphProto.newBuilder().addNode(constant).addNode(holding(body)))
                .contains("node 'y/Expand'"));
    }

    @Test
    void everyTensorHasOneMaker() {
        var relu = Node.of("Relu", List.of("x"), "y").toProto();

        assertEquals(
                "tensor 'y' is produced twice, by node 'y/Relu' (Relu) and by node 'y/Relu' (Relu): give each its own name",
                refusal(GraphProto.newBuilder().addNode(relu).addNode(relu)));
        assertTrue(refusal(GraphProto.newBuilder()
                        .addInitializer(TensorProtos.toProto("y", TWO))
                        .addNode(relu))
                .startsWith("tensor 'y' is produced twice, by an initializer"));
        assertTrue(refusal(GraphProto.newBuilder()
                        .addInitializer(TensorProtos.toProto("c", TWO))
                        .addInitializer(TensorProtos.toProto("c", TWO)))
                .startsWith("initializer 'c' occurs twice"));
    }

    @Test
    void inputsHaveNamesOfTheirOwn() {
        var input = ValueInfos.of("flag", DataType.FLOAT, 1);

        assertEquals(
                "input 'flag' occurs twice: give each its own name",
                refusal(GraphProto.newBuilder().addInput(input).addInput(input)));
    }

    @Test
    void weightsOfAConvolutionHaveAKernel() {
        for (String op : List.of("Conv", "ConvTranspose")) {
            assertTrue(refusal(GraphProto.newBuilder()
                            .addInitializer(TensorProtos.toProto("w", TWO))
                            .addNode(Node.of(op, List.of("x", "w"), "y").toProto()))
                    .endsWith("has weights 'w' with " + TWO.rank() + " axes: those of a convolution have at least 3"));
        }
    }

    @Test
    void attributesOfAConvolutionFitItsKernel() {
        var flat = TensorProtos.toProto("w", Tensor.zeros(DataType.FLOAT, 4, 4, 3, 3));
        var deep = TensorProtos.toProto("w", Tensor.zeros(DataType.FLOAT, 4, 4, 3, 3, 1));
        for (var sizes : Map.of(
                        "pads", new long[] {1, 1, 1, 1},
                        "strides", new long[] {1, 1},
                        "dilations", new long[] {1, 1},
                        "kernel_shape", new long[] {3, 3})
                .entrySet()) {
            var conv = Node.of("Conv", List.of("x", "w"), "y")
                    .with(sizes.getKey(), sizes.getValue())
                    .toProto();
            assertTrue(refusal(GraphProto.newBuilder().addInitializer(deep).addNode(conv))
                    .endsWith("has %d numbers in '%s' and weights 'w' with 5 axes, for which there are %d"
                            .formatted(sizes.getValue().length, sizes.getKey(), 3 * sizes.getValue().length / 2)));
            assertDoesNotThrow(() -> ConstantSizes.check(conv, Map.of("w", flat)));
        }
    }

    @Test
    void attributesAreThereOnce() {
        var attribute = Attributes.of("alpha", 1f);
        var node = NodeProto.newBuilder()
                .setName("n")
                .setOpType("Elu")
                .addOutput("y")
                .addAttribute(attribute)
                .addAttribute(attribute);

        assertTrue(refusal(GraphProto.newBuilder().addNode(node)).contains("attribute alpha occurs twice"));
    }

    @Test
    void everyNodeMakesSomething() {
        var node = NodeProto.newBuilder().setName("n").setOpType("Elu").addInput("x");

        assertEquals(
                "node 'n' (Elu) has no output: remove it",
                refusal(GraphProto.newBuilder().addNode(node)));
    }

    @Test
    void sparseInitializersAreNamed() {
        var sparse = SparseTensorProto.newBuilder()
                .setValues(TensorProto.newBuilder().setName("s"));

        assertTrue(
                refusal(GraphProto.newBuilder().addSparseInitializer(sparse)).startsWith("initializer 's' is sparse"));
    }

    @Test
    void aLimitIsSetByAProperty() {
        var nodes = new ArrayList<NodeProto>();
        for (int i = 0; i < 3; i++) {
            nodes.add(Node.of("Relu", List.of("x"), "y" + i).toProto());
        }
        var model = ModelProto.newBuilder()
                .setGraph(GraphProto.newBuilder().addAllNode(nodes))
                .build();
        System.setProperty(Limit.NODES.property(), "2");
        try {
            assertEquals(
                    "the model has more than 2 nodes: the limit is 2 (quantline.limit.nodes)",
                    assertThrows(BadInput.class, () -> ModelCheck.check(model)).getMessage());
            System.setProperty(Limit.NODES.property(), "many");
            assertTrue(assertThrows(BadInput.class, () -> ModelCheck.check(model))
                    .getMessage()
                    .contains("'many'"));
        } finally {
            System.clearProperty(Limit.NODES.property());
        }
        assertDoesNotThrow(() -> ModelCheck.check(model));
    }

    @ParameterizedTest
    @EnumSource(Limit.class)
    void everyLimitIsDocumented(Limit limit) throws IOException {
        var documented = Files.readString(Checkout.root().resolve("docs/job.md"));

        assertTrue(documented.contains("| `" + limit.property() + "` | " + limit.value() + " |"), limit.property());
    }
}
