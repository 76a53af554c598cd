package dev.quantline.quantize.export;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;

class NotesTest {
    @Test
    void whatIsNoPlainLayerIsSaid() {
        // Given: a quantized layer, a 16-bit input, and products in nested bodies
        var builder = new GraphBuilder(17, 1);
        String x = builder.op("wide", "Cast", Map.of("to", 1L), builder.input("x", DataType.FLOAT16, -1, 2));
        String weight = builder.op(
                "w",
                "DequantizeLinear",
                builder.constant("codes", Tensor.of(DataType.INT8, new byte[4], 2, 2)),
                builder.constant("scale", Tensor.scalar(1)));
        builder.op("given", "MatMul", x, weight);
        var product = NodeProto.newBuilder()
                .setOpType("MatMul")
                .addInput("given")
                .addInput("given")
                .addOutput("p");
        var inner = AttributeProto.newBuilder()
                .setName("body")
                .setG(GraphProto.newBuilder().addNode(product).addNode(product))
                .build();
        var outer = AttributeProto.newBuilder()
                .setName("then_branch")
                .setG(GraphProto.newBuilder()
                        .addNode(NodeProto.newBuilder().setOpType("Loop").addAttribute(inner)))
                .build();
        builder.graph()
                .nodes()
                .add(new Node("if", "If", "", List.of("flag"), List.of("y"), Map.of("then_branch", outer)));
        var model = builder.graph();

        assertEquals(
                List.of(
                        "layers that were already quantized stay as they are: given/MatMul",
                        "the model's 16-bit floats are computed in float32, except in quantized layers; "
                                + "inputs and outputs keep their types",
                        "2 products in bodies of If, Loop or Scan stay in float"),
                Notes.of(model, model));
    }

    @Test
    void ofAPlainModelThereIsNothingToSay() {
        assertEquals(List.of(), Notes.of(Networks.conv(1), Networks.conv(1)));
    }
}
