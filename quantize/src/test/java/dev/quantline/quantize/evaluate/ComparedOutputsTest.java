package dev.quantline.quantize.evaluate;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ComparedOutputsTest {
    private static final long STRING = 8;

    private static Graph graph() {
        var builder = new GraphBuilder(17, 1);
        String x = builder.input("x", DataType.FLOAT, -1, 4);
        builder.op("scores", "Relu", x);
        builder.op("best", "ArgMax", Map.of("axis", 1L, "keepdims", 0L), "scores");
        builder.op("label", "Identity", "best");
        builder.op("sizes", "Shape", "scores");
        builder.op("positive", "Greater", "x", "scores");
        return builder.graph();
    }

    private static Graph with(Graph graph, String output, DataType type) {
        graph.outputs().add(ValueInfos.of(output, type));
        return graph;
    }

    @Test
    void aFloatOutputIsItsOwnEndAndCountsOnce() {
        var compared = ComparedOutputs.of(with(with(graph(), "label", DataType.INT64), "scores", DataType.FLOAT));

        assertEquals(List.of("scores"), compared.names());
        assertEquals("scores", compared.outputOf("scores"));
    }

    @Test
    void ofAClassTheScoresItWasChosenByCount() {
        var graph = with(graph(), "label", DataType.INT64);
        var compared = ComparedOutputs.of(graph);

        assertEquals(List.of("scores"), compared.names());
        assertEquals("label", compared.outputOf("scores"));
        assertEquals(
                List.of("scores"),
                compared.alone(graph).outputs().stream()
                        .map(output -> output.getName())
                        .toList());
        try (var session = Session.open(compared.beside(graph), Provider.cpu(), Session.Optimization.ALL)) {
            var outputs = session.run(Map.of("x", Tensor.of(new float[] {1, 3, 2, -1}, 1, 4)));
            assertEquals(List.of("label", "scores"), List.copyOf(outputs.keySet()));
            assertEquals(3, outputs.get("scores").get(1));
        }
    }

    @Test
    void truthValuesComeFromWhatWasCompared() {
        assertEquals(
                List.of("scores"),
                ComparedOutputs.of(with(graph(), "positive", DataType.BOOL)).names());
    }

    @Test
    void sizesInputsAndConstantsAreNoEnds() {
        var graph = with(with(graph(), "sizes", DataType.INT64), "x", DataType.FLOAT);
        graph.initializers().put("table", Tensor.vector(1f, 2f));

        assertEquals(
                List.of(),
                ComparedOutputs.of(with(graph, "table", DataType.FLOAT)).names());
    }

    @Test
    void whatIsNoTensorOfNumbersIsJudgedByWhatItWasMadeOf() {
        var graph = with(graph(), "label", DataType.INT64).withOpset("ai.onnx.ml", 3);
        graph.nodes()
                .add(new Node("zip", "ZipMap", "ai.onnx.ml", List.of("scores"), List.of("maps"), Map.of())
                        .with("classlabels_int64s", new long[] {0, 1, 2, 3}));
        graph.outputs()
                .add(ValueInfos.of("maps", DataType.FLOAT).toBuilder()
                        .clearType()
                        .build());
        graph.outputs()
                .add(
                        0,
                        ValueInfos.of("names", DataType.FLOAT).toBuilder()
                                .clearType()
                                .build());
        graph.nodes().add(Node.of("Cast", List.of("best"), "names").with("to", STRING));

        assertEquals(List.of("scores"), ComparedOutputs.of(graph).names());
        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.ALL)) {
            assertEquals(Set.of("label"), session.outputs());
            assertEquals(
                    Set.of("label"),
                    session.run(Map.of("x", Tensor.of(new float[4], 1, 4))).keySet());
        }
    }

    @Test
    void aMetricLooksAtTheFirstFloatsOrAtTheOutputThatIsNamed() {
        var graph = with(with(graph(), "label", DataType.INT64), "scores", DataType.FLOAT);
        graph.nodes().add(Node.of("Neg", List.of("x"), "other"));
        var compared = ComparedOutputs.of(with(graph, "other", DataType.FLOAT));

        assertEquals(List.of("scores"), compared.lookedAt(Optional.empty()).names());
        assertEquals(List.of("other"), compared.lookedAt(Optional.of("other")).names());
        var unknown = assertThrows(BadInput.class, () -> compared.lookedAt(Optional.of("probs")));
        assertTrue(
                unknown.getMessage().contains("evaluation.output")
                        && unknown.getMessage().contains("'probs'"),
                unknown.getMessage());
    }
}
