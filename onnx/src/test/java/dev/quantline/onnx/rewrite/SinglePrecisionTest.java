package dev.quantline.onnx.rewrite;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.ByteString;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;

class SinglePrecisionTest {
    private static final Tensor X = Tensor.of(new float[] {1, -2, 3, .5f, 2, -1}, 2, 3);

    private static Map<String, Tensor> run(Graph graph, Map<String, Tensor> data) {
        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.NONE)) {
            return session.run(data);
        }
    }

    /** Inputs and outputs of either type around products with FLOAT16 weights. */
    @ParameterizedTest
    @CsvSource({"FLOAT16, FLOAT16", "FLOAT, FLOAT16", "FLOAT16, FLOAT", "FLOAT, FLOAT"})
    void weightsAreFloatsAndInputsAndOutputsWhatTheyWere(DataType in, DataType out) {
        // Given
        var builder = new GraphBuilder(17, 1);
        String x = builder.input("x", in, -1, 3);
        x = in == DataType.FLOAT ? builder.op("half", "Cast", Map.of("to", 10L), x) : x;
        builder.constant(
                "w",
                Tensor.of(new float[] {.5f, 1, 2, -1, .25f, .1f, 1, 1, -2}, 3, 3)
                        .half());
        String product = builder.op(out == DataType.FLOAT ? "product" : "y", "MatMul", x, "w");
        if (out == DataType.FLOAT) {
            builder.op("y", "Cast", Map.of("to", 1L), product);
        }
        builder.op("z", "Relu", "y");
        var model = builder.output("y", out, -1, 3).output("z", out, -1, 3).graph();

        // When
        var canonical = Canonical.of(model);

        // Then
        OnnxLibrary.check(canonical);
        assertEquals(DataType.FLOAT, canonical.initializers().get("w").type());
        assertEquals(model.inputs(), canonical.inputs());
        assertEquals(model.outputs(), canonical.outputs());
        var types = OnnxLibrary.inferShapes(canonical);
        for (var node : canonical.nodes()) {
            boolean last = canonical.index().isOutput(node.output());
            assertEquals(
                    last ? out : DataType.FLOAT,
                    ValueInfos.type(types.get(node.output())).orElseThrow(),
                    node.toString());
        }
        assertEquals(
                in == DataType.FLOAT16,
                canonical.nodes().stream().anyMatch(node -> node.inputs().contains("x") && node.is("Cast")));
        var data = Map.of("x", in == DataType.FLOAT ? X : X.half());
        var before = run(model, data);
        var after = run(canonical, data);
        for (String output : List.of("y", "z")) {
            assertEquals(out, after.get(output).type());
            assertArrayEquals(before.get(output).toFloats(), after.get(output).toFloats(), 1e-2f);
        }
    }

    @Test
    void constantsBodiesAndNamedTypesAreFloatsToo() {
        // Given: a body that reads a FLOAT16 input of the surrounding graph, constants in nodes, ConstantOfShape and
        // CastLike
        var builder = new GraphBuilder(17, 1);
        String x = builder.input("x", DataType.FLOAT16, 2, 3);
        var filled = new LinkedHashMap<String, AttributeProto>();
        filled.put(
                "value",
                AttributeProto.newBuilder()
                        .setName("value")
                        .setType(AttributeProto.AttributeType.TENSOR)
                        .setT(TensorProto.newBuilder()
                                .setDataType(10)
                                .addDims(1)
                                .setRawData(ByteString.copyFrom(new byte[] {0, 0x3c})))
                        .build());
        builder.graph()
                .nodes()
                .add(new Node(
                        "filled",
                        "ConstantOfShape",
                        "",
                        List.of(builder.constant("shape", Tensor.vector(2L, 3))),
                        List.of("ones"),
                        filled));
        builder.op(
                "like",
                "CastLike",
                builder.op("more", "Cast", Map.of("to", 10L), builder.input("count", DataType.INT32, 2, 3)),
                x);
        builder.op("sum", "Add", builder.op("some", "Add", x, "ones"), "like");
        var branch = GraphProto.newBuilder()
                .setName("branch")
                .addInitializer(
                        TensorProto.newBuilder().setName("two").setDataType(10).addInt32Data(0x4000))
                .addNode(NodeProto.newBuilder()
                        .setOpType("Mul")
                        .addInput("x")
                        .addInput("two")
                        .addOutput("result"))
                .addOutput(ValueInfos.of("result", DataType.FLOAT16, 2, 3))
                .addValueInfo(ValueInfos.of("two", DataType.FLOAT16))
                .build();
        var attributes = GraphBuilder.bothBranches(branch);
        builder.graph()
                .nodes()
                .add(new Node(
                        "choice",
                        "If",
                        "",
                        List.of(builder.input("flag", DataType.BOOL, new long[0])),
                        List.of("chosen"),
                        attributes));
        builder.op("y", "Add", "chosen", "sum");
        var model = builder.output("y", DataType.FLOAT16, 2, 3).graph();

        // When
        var canonical = Canonical.of(model);

        // Then
        OnnxLibrary.check(canonical);
        var inside = canonical
                .node("choice")
                .orElseThrow()
                .attributes()
                .get("then_branch")
                .getG();
        assertEquals(DataType.FLOAT.code(), inside.getInitializer(0).getDataType());
        var data = Map.of(
                "x",
                X.half(),
                "count",
                Tensor.of(new int[] {1, 2, 3, 4, 5, 6}, 2, 3),
                "flag",
                Tensor.of(DataType.BOOL, new byte[] {1}));
        assertArrayEquals(
                new float[] {5, -3, 13, 6.5f, 12, 4},
                run(canonical, data).get("y").toFloats());
    }

    @Test
    void castsAroundWhatMustNotBeComputedInHalvesGo() {
        var builder = new GraphBuilder(17, 1);
        String x = builder.op(
                "product",
                "MatMul",
                builder.op("half", "Cast", Map.of("to", 10L), builder.input("x", DataType.FLOAT, -1, 3)),
                builder.constant("w", X.reshape(3, 2).half()));
        x = builder.op(
                "back",
                "Cast",
                Map.of("to", 10L),
                builder.op("safe", "Softmax", builder.op("wide", "Cast", Map.of("to", 1L), x)));
        builder.op("y", "Cast", Map.of("to", 1L), builder.op("last", "MatMul", x, builder.constant("v", X.half())));
        var model = builder.output("y", DataType.FLOAT, -1, 3).graph();

        var canonical = Canonical.of(model);

        assertEquals(
                List.of("MatMul", "Softmax", "MatMul", "Identity"),
                canonical.nodes().stream().map(Node::op).toList());
    }

    @Test
    void aModelOfFloatsIsLeftAlone() {
        var builder = new GraphBuilder(17, 1);
        String product =
                builder.op("p", "MatMul", builder.input("x", DataType.FLOAT, -1, 3), builder.normal("w", 1, 3, 3));
        builder.op("y", "Cast", Map.of("to", 11L), product);
        var model = builder.output("y", DataType.DOUBLE, -1, 3).graph();

        assertFalse(SinglePrecision.isNeeded(model));
        assertSame(model, new SinglePrecision().apply(model).graph());
    }
}
