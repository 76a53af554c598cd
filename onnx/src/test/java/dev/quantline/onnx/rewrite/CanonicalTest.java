package dev.quantline.onnx.rewrite;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import com.google.protobuf.ByteString;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class CanonicalTest {
    static Stream<Arguments> networks() {
        return Stream.of(
                Arguments.of(Networks.mlp(1), Data.rows(5, 1)),
                Arguments.of(Networks.conv(2), Data.images(3, 1)),
                Arguments.of(Networks.transformer(3), Data.tokens(4, 9, 1)));
    }

    static Tensor run(Graph graph, Map<String, Tensor> data) {
        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.NONE)) {
            return session.run(data).values().iterator().next();
        }
    }

    @ParameterizedTest
    @MethodSource("networks")
    void theCanonicalFormComputesTheSame(Graph network, Map<String, Tensor> data) {
        var canonical = Canonical.of(network);

        OnnxLibrary.check(canonical);
        assertEquals(Canonical.OPSET, canonical.opset());
        assertArrayEquals(run(network, data).toFloats(), run(canonical, data).toFloats(), 1e-4f);
    }

    @ParameterizedTest
    @MethodSource("networks")
    void inputsOutputsAndOpenAxesStayAsTheyWere(Graph network, Map<String, Tensor> data) {
        var canonical = Canonical.of(network);

        assertEquals(network.inputs(), canonical.inputs());
        assertEquals(network.outputs(), canonical.outputs());
        for (int rows : List.of(1, 2)) {
            var some = new HashMap<String, Tensor>();
            data.forEach((name, tensor) -> some.put(name, tensor.rows(0, rows)));
            assertEquals(rows, run(canonical, some).dim(0));
        }
    }

    @Test
    void everythingThatDependsOnConstantsAloneIsFolded() {
        // Given: a shape computed from constants and a weight that is transposed before use
        var builder = new GraphBuilder(13, 1);
        String x = builder.input("x", DataType.FLOAT, -1, 4);
        String turned = builder.op("turned", "Transpose", builder.normal("w", 1, 3, 4));
        String product = builder.op("product", "MatMul", x, turned);
        String shape = builder.op(
                "shape",
                "Concat",
                Map.of("axis", 0L),
                builder.constant("open", Tensor.vector(-1L)),
                builder.op("size", "Shape", turned));
        builder.op(
                "y",
                "Reshape",
                product,
                builder.op(
                        "target",
                        "Slice",
                        shape,
                        builder.constant("from", Tensor.vector(0L)),
                        builder.constant("to", Tensor.vector(1L))));
        var graph = builder.output("y", DataType.FLOAT, -1).graph();

        // When
        var canonical = Canonical.of(graph);

        // Then
        assertEquals(
                List.of("MatMul", "Reshape"),
                canonical.nodes().stream().map(Node::op).toList());
        assertArrayEquals(
                new long[] {4, 3}, canonical.initializers().get("turned").shape());
        assertFalse(canonical.initializers().containsKey("w"));
        var data = Map.of("x", Tensor.of(new float[] {1, 2, 3, 4}, 1, 4));
        assertArrayEquals(run(graph, data).toFloats(), run(canonical, data).toFloats(), 1e-5f);
    }

    @Test
    void randomNumbersTextsAndSequencesAreNotFolded() {
        // Given: four operators without inputs that have no constant value, or none that an initializer can hold
        var builder = new GraphBuilder(17, 1);
        String x = builder.input("x", DataType.FLOAT, 2);
        builder.op("noise", "RandomNormal", Map.of("shape", new long[] {2}));
        builder.op("list", "SequenceInsert", builder.op("none", "SequenceEmpty"), x);
        builder.op("length", "SequenceLength", "list");
        builder.op("counted", "Add", builder.op("float", "Cast", Map.of("to", 1L), "length"), x);
        builder.graph()
                .nodes()
                .add(new Node(
                        "word",
                        "Constant",
                        "",
                        List.of(),
                        List.of("text"),
                        Map.of(
                                "value_string",
                                AttributeProto.newBuilder()
                                        .setName("value_string")
                                        .setType(AttributeProto.AttributeType.STRING)
                                        .setS(ByteString.copyFromUtf8("3.5"))
                                        .build())));
        builder.op("number", "Cast", Map.of("to", 1L), "text");
        builder.op("sum", "Add", "counted", "number");
        builder.op("y", "Add", "sum", "noise");
        var graph = builder.output("y", DataType.FLOAT, 2).graph();

        // When
        var canonical = Canonical.of(graph);

        // Then
        var left = canonical.nodes().stream().map(Node::op).toList();
        assertTrue(left.containsAll(List.of("RandomNormal", "SequenceEmpty", "SequenceInsert")), left.toString());
        assertArrayEquals(
                new long[] {2},
                run(canonical, Map.of("x", Tensor.vector(1f, 2f))).shape());
    }

    @Test
    void identitiesGoAndGraphOutputsKeepTheirNames() {
        var builder = new GraphBuilder(17, 1);
        String x = builder.input("x", DataType.FLOAT, -1);
        String same = builder.op("same", "Identity", builder.op("again", "Identity", x));
        builder.op("y", "Identity", builder.op("dropped", "Dropout", same));
        builder.op("kept", "Neg", "dropped");
        var canonical = Canonical.of(builder.output("y", DataType.FLOAT, -1)
                .output("kept", DataType.FLOAT, -1)
                .graph());

        assertEquals(
                List.of("Identity", "Neg"),
                canonical.nodes().stream().map(Node::op).toList());
        assertEquals(List.of("x"), canonical.nodes().get(1).inputs());
    }

    @Test
    void aDropoutThatIsTrainingOrWhoseMaskIsReadStays() {
        var builder = new GraphBuilder(17, 1);
        String x = builder.input("x", DataType.FLOAT, -1);
        builder.constant("ratio", Tensor.scalar(.5f));
        builder.constant("yes", Tensor.of(DataType.BOOL, new byte[] {1}));
        builder.op("y", "Neg", builder.op("training", "Dropout", x, "ratio", "yes"));
        builder.graph().nodes().add(Node.of("Dropout", List.of("x"), "through", "mask"));
        builder.op("z", "Neg", "through");
        builder.output("y", DataType.FLOAT, -1).output("z", DataType.FLOAT, -1).output("mask", DataType.BOOL, -1);

        var canonical = Canonical.of(builder.graph());

        assertEquals(
                2, canonical.nodes().stream().filter(node -> node.is("Dropout")).count());
    }

    @Test
    void nodesGetUniqueNamesAndKeepTheirOwn() {
        // Given: two nodes without names, one of whose outputs has the name of a later node, and two nodes of the same
        // name
        var graph = Networks.mlp(1);
        graph.nodes().set(0, graph.nodes().get(0).withName(""));
        graph.nodes().set(1, graph.nodes().get(1).withName(""));
        graph.nodes().set(2, graph.nodes().get(2).withName("first"));
        graph.nodes().set(3, graph.nodes().get(3).withName("twice"));
        graph.nodes().set(4, graph.nodes().get(4).withName("twice"));

        // When
        var names = Canonical.of(graph).nodes().stream().map(Node::name).toList();

        // Then
        assertEquals(new HashSet<>(names).size(), names.size());
        assertEquals(List.of("first_1", "first.relu", "first", "twice", "twice_1"), names.subList(0, 5));
    }

    @Test
    void olderOpsetsAreLiftedAndOthersRefusedByNumber() {
        assertEquals(17, Canonical.of(Networks.transformer(1)).opset());
        for (int opset : List.of(6, 27)) {
            var message = assertThrows(
                            BadInput.class, () -> Canonical.of(Networks.mlp(1).withOpset("", opset)))
                    .getMessage();
            assertTrue(message.contains("opset " + opset), message);
        }
    }

    @Test
    void softmaxOverTheLastAxisStaysOneOperatorWhenItsOpsetIsLifted() {
        for (long axis : List.of(2L, 1L)) {
            // Given: before opset 13 the axis meant "flattened from here on"
            var builder = new GraphBuilder(11, 1);
            builder.op("y", "Softmax", Map.of("axis", axis), builder.input("x", DataType.FLOAT, -1, 3, 4));
            var graph = builder.output("y", DataType.FLOAT, -1, 3, 4).graph();
            var data = Map.of("x", Tensor.of(new float[] {1, 2, 3, 4, 0, -1, 5, 2, 2, 2, 1, 0}, 1, 3, 4));

            // When
            var canonical = Canonical.of(graph);

            // Then
            var operators = canonical.nodes().stream().map(Node::op).toList();
            assertEquals(axis == 2, operators.equals(List.of("Softmax")), operators.toString());
            assertArrayEquals(run(graph, data).toFloats(), run(canonical, data).toFloats(), 1e-6f);
        }
    }

    @Test
    void initializersAreNoInputs() {
        // Given: as in files before IR version 4
        var graph = Networks.mlp(1);
        graph.inputs().add(ValueInfos.of("first.bias", DataType.FLOAT, 24));

        assertEquals(
                List.of("x"),
                Canonical.of(graph).inputs().stream()
                        .map(input -> input.getName())
                        .toList());
    }

    @Test
    void whatTheCheckerRefusesIsRefused() {
        var graph = Networks.mlp(1);
        graph.nodes().set(1, Node.of("Bogus", List.of("first"), "first.relu"));

        assertTrue(assertThrows(BadInput.class, () -> Canonical.of(graph))
                .getMessage()
                .contains("Bogus"));
    }

    @Test
    void tensorsThatBranchesReadKeepTheirNames() {
        // Given: a branch that reads the output of an Identity
        var builder = new GraphBuilder(17, 1);
        builder.op("outer", "Identity", builder.input("x", DataType.FLOAT, 2));
        var branch = GraphProto.newBuilder()
                .setName("branch")
                .addNode(NodeProto.newBuilder()
                        .setOpType("Neg")
                        .addInput("outer")
                        .addOutput("result"))
                .addOutput(ValueInfos.of("result", DataType.FLOAT, 2))
                .build();
        var attributes = GraphBuilder.bothBranches(branch);
        builder.graph()
                .nodes()
                .add(new Node(
                        "choice", "If", "", List.of(builder.input("flag", DataType.BOOL)), List.of("y"), attributes));
        var canonical = Canonical.of(builder.output("y", DataType.FLOAT, 2).graph());

        // Then
        var data = Map.of("x", Tensor.vector(1f, 2f), "flag", Tensor.of(DataType.BOOL, new byte[] {1}));
        assertArrayEquals(new float[] {-1, -2}, run(canonical, data).toFloats());
    }
}
