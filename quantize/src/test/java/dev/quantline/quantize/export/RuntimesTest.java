package dev.quantline.quantize.export;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class RuntimesTest {
    private static Graph graph(Node reader, DataType type) {
        var builder = new GraphBuilder(21, 1);
        builder.op("y", "Identity", builder.input("x", DataType.FLOAT, 2, 2));
        var graph = builder.output("y", DataType.FLOAT, 2, 2).graph();
        graph.initializers().put("codes", Tensor.zeros(type, 2, 2));
        graph.nodes().add(reader);
        return graph;
    }

    private static String note(Node reader, DataType type) {
        return Runtimes.note(graph(reader, type)).orElse("");
    }

    @Test
    void packedCodesNeedTheVersionThatReadsThem() {
        var cast = Node.of("Cast", List.of("codes"), "bytes");
        var blocks = Node.of("DequantizeLinear", List.of("codes", "scale"), "weights");

        assertTrue(note(cast, DataType.INT4).endsWith("from version 1.23 on"), note(cast, DataType.INT4));
        assertTrue(note(cast, DataType.UINT4).endsWith("from version 1.23 on"));
        assertTrue(note(blocks, DataType.INT4).endsWith("from version 1.19 on"));
    }

    @Test
    void theOperatorOfOneRuntimeIsNamed() {
        var product =
                new Node("p", "MatMulNBits", "com.microsoft", List.of("x", "codes", "scale"), List.of("z"), Map.of());

        assertTrue(note(product, DataType.UINT8).startsWith("products are MatMulNBits"));
        assertTrue(note(product, DataType.UINT8).endsWith("from version 1.18 on"));
    }

    @Test
    void bytesNeedNoNote() {
        assertEquals(
                Optional.empty(), Runtimes.note(graph(Node.of("Cast", List.of("codes"), "floats"), DataType.INT8)));
    }
}
