package dev.quantline.quantize.finetune;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.List;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;

class TrainableConstantsTest {
    private static Graph graph(Node node, String constant, Tensor value) {
        var graph = Graph.empty(17);
        graph.initializers().put(constant, value);
        graph.nodes().add(node);
        return graph;
    }

    private static List<String> learned(String op, int input, Tensor value) {
        var inputs = input == 0 ? List.of("c", "x") : List.of("x", "c");
        return TrainableConstants.of(graph(Node.of(op, inputs, "y"), "c", value));
    }

    private static Tensor floats(long... shape) {
        return Tensor.zeros(DataType.FLOAT, shape);
    }

    @Test
    void whatLayersTablesAndNormalisationsReadIsLearned() {
        for (String layer : List.of(
                "MatMul", "Gemm", "Conv", "ConvTranspose", "LayerNormalization", "InstanceNormalization", "PRelu")) {
            assertEquals(List.of("c"), learned(layer, 1, floats(2, 2)), layer);
        }
        assertEquals(List.of("c"), learned("Gather", 0, floats(5, 2)));
        assertEquals(List.of("c"), learned("Add", 0, floats(3)));
        assertEquals(List.of("c"), learned("Mul", 1, floats(3)));
    }

    @Test
    void masksScalarsAndWhatShapesAreMadeOfAreNot() {
        assertEquals(List.of(), learned("Add", 1, floats(1)), "a scalar");
        assertEquals(List.of(), learned("Add", 1, floats(4, 4)), "a mask");
        assertEquals(List.of(), learned("Sub", 1, floats(3)));
        assertEquals(List.of(), learned("Gather", 0, floats(5)), "a row of sizes");
        assertEquals(List.of(), learned("Gather", 1, floats(5, 2)), "indices");
        assertEquals(List.of(), learned("MatMul", 1, Tensor.zeros(DataType.DOUBLE, 2, 2)));
        assertEquals(
                List.of(),
                TrainableConstants.of(graph(Node.of("Reshape", List.of("x", "c"), "y"), "c", Tensor.vector(2L, 3L))));
    }

    @Test
    void whatIsReadTwiceIsLearnedOnce() {
        var graph = graph(Node.of("MatMul", List.of("x", "w"), "y"), "w", floats(2, 2));
        graph.nodes().add(Node.of("Gemm", List.of("y", "w"), "z"));

        assertEquals(List.of("w"), TrainableConstants.of(graph));
    }
}
