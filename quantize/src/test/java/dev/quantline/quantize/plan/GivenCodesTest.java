package dev.quantline.quantize.plan;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class GivenCodesTest {
    private final GraphBuilder builder = new GraphBuilder(17, 1);
    private final String scale = builder.constant("scale", Tensor.scalar(.1f));
    private final String zero = builder.constant("zero", Tensor.of(DataType.UINT8, new byte[] {(byte) 128}));
    private final String signed = builder.constant("signed", Tensor.of(DataType.INT8, new byte[] {0}));

    private String restored(String name, long... shape) {
        var codes = Tensor.of(DataType.INT8, new byte[(int) Tensor.count(shape)], shape);
        return builder.op(name, "DequantizeLinear", builder.constant(name + "/codes", codes), scale, signed);
    }

    private String quantized(String name, String tensor) {
        return builder.op(
                name,
                "DequantizeLinear",
                builder.op(name + "/codes", "QuantizeLinear", tensor, scale, zero),
                scale,
                zero);
    }

    private static Placement placement(Graph graph) {
        return Placement.of(graph, List.of());
    }

    private static List<String> layers(Graph graph) {
        return GivenCodes.layers(graph).stream()
                .map(name -> name.substring(0, name.indexOf('/')))
                .toList();
    }

    @Test
    void aLayerIsGivenWhicheverOperandCameFromCodes() {
        // Given: weights, transposed weights, activations, activations moved in between; the last operand is float
        String x = builder.input("x", DataType.FLOAT, -1, 8);
        x = builder.op("weights", "MatMul", x, restored("w1", 8, 8));
        x = builder.op("turned", "MatMul", x, builder.op("w2/turned", "Transpose", restored("w2", 8, 8)));
        x = builder.op("activations", "Gemm", quantized("q3", x), builder.normal("w3", .3, 8, 8));
        x = builder.op(
                "moved", "MatMul", builder.op("flat", "Flatten", quantized("q4", x)), builder.normal("w4", .3, 8, 8));
        builder.op("y", "MatMul", builder.op("relu", "Relu", quantized("q5", x)), builder.normal("w5", .3, 8, 8));
        var graph = builder.output("y", DataType.FLOAT, -1, 8).graph();

        assertEquals(List.of("weights", "turned", "activations", "moved"), layers(graph));
        assertEquals(
                List.of("w5"),
                placement(graph).weights().stream()
                        .map(Placement.Weight::tensor)
                        .toList());
        assertEquals(List.of("relu"), List.copyOf(placement(graph).activations().keySet()));
    }

    @Test
    void aConvolutionWhoseOutputHasAQuantizerGetsNoSecondOne() {
        String x = builder.op(
                "conv", "Conv", builder.input("x", DataType.FLOAT, -1, 3, 8, 8), builder.normal("w1", .3, 8, 3, 3, 3));
        x = quantized("q", builder.op("relu", "Relu", x));
        builder.op("y", "Conv", x, restored("w2", 4, 8, 3, 3));
        var graph = builder.output("y", DataType.FLOAT, -1, 4, 4, 4).graph();

        assertEquals(List.of("x"), List.copyOf(placement(graph).activations().keySet()));
        assertEquals(
                List.of("w1"),
                placement(graph).weights().stream()
                        .map(Placement.Weight::tensor)
                        .toList());
    }

    @Test
    void operatorsOnIntegersAreLayersToo() {
        builder.op(
                "sum",
                "MatMulInteger",
                builder.op("codes", "QuantizeLinear", builder.input("x", DataType.FLOAT, -1, 8), scale, zero),
                builder.constant("w", Tensor.of(DataType.INT8, new byte[64], 8, 8)),
                zero);
        builder.graph()
                .nodes()
                .add(new Node(
                        "blocks/MatMulNBits",
                        "MatMulNBits",
                        "com.microsoft",
                        List.of("x", "b", "s"),
                        List.of("z"),
                        Map.of()));
        builder.op("y", "Cast", Map.of("to", 1L), "sum");
        var graph = builder.output("y", DataType.FLOAT, -1, 8).graph().withOpset("com.microsoft", 1);

        assertEquals(List.of("sum", "blocks"), layers(graph));
        assertTrue(placement(graph).isEmpty());
        assertTrue(NothingToQuantize.why(graph, List.of())
                .startsWith("nothing left to do: the model is quantized already"));
    }

    @Test
    void theReasonWhyNothingCanBeQuantizedIsTheTrueOne() {
        // Given
        String x = builder.input("x", DataType.DOUBLE, -1, 2);
        builder.op(
                "y",
                "MatMul",
                x,
                builder.constant("w", new Tensor(DataType.DOUBLE, new long[] {2, 2}, ByteBuffer.allocate(32))));
        var doubles = builder.output("y", DataType.DOUBLE, -1, 2).graph();
        var other = new GraphBuilder(17, 1);
        other.op("y", "MatMul", other.input("x", DataType.FLOAT, -1, 8), other.normal("w", 1, 8, 8));
        var excluded = other.output("y", DataType.FLOAT, -1, 8).graph();

        // Then
        String reason = NothingToQuantize.why(doubles, List.of());
        assertTrue(reason.contains("DOUBLE") && reason.contains("'y/MatMul'"), reason);
        reason = NothingToQuantize.why(excluded, List.of("y"));
        assertTrue(reason.contains("exclude"), reason);
    }

    @Test
    void operatorsOfTheRuntimeOnCodesAreGivenAsItSpellsThem() {
        for (String op : List.of("MatMulNBits", "MatMulBnb4", "QLinearConv", "DynamicQuantizeLSTM", "Gelu")) {
            builder.graph().nodes().add(Node.of(op, List.of("x"), op).withDomain("com.microsoft"));
        }

        assertEquals(
                List.of("MatMulNBits", "MatMulBnb4", "QLinearConv", "DynamicQuantizeLSTM"), layers(builder.graph()));
    }
}
