package dev.quantline.onnx;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class OnnxLibraryTest {
    @Test
    void theCheckersWordsReachThePerson() {
        var unknown = Networks.mlp(1);
        unknown.nodes().set(1, Node.of("Bogus", List.of("first"), "first.relu"));
        var unfed = Networks.mlp(1);
        unfed.nodes().set(1, Node.of("Relu", List.of("nothing"), "first.relu"));

        assertTrue(assertThrows(BadInput.class, () -> OnnxLibrary.check(unknown))
                .getMessage()
                .contains("Bogus"));
        assertTrue(assertThrows(BadInput.class, () -> OnnxLibrary.check(unfed))
                .getMessage()
                .contains("nothing"));
    }

    @Test
    void convertingChangesTheOpsetAndNothingElse() {
        // Given
        var graph = Networks.transformer(1).withMetadata(Map.of("author", "someone"));
        var data = Data.tokens(3, 9, 1);

        // When
        var converted = OnnxLibrary.convert(graph, 17);

        // Then
        OnnxLibrary.check(converted);
        assertEquals(17, converted.opset());
        assertEquals(Map.of("author", "someone"), converted.metadata());
        assertEquals(graph.inputs(), converted.inputs());
        assertEquals(graph.outputs(), converted.outputs());
        assertEquals(
                graph.initializers().get("word_table"), converted.initializers().get("word_table"));
        assertArrayEquals(run(graph, data).toFloats(), run(converted, data).toFloats(), 1e-5f);
    }

    private static Tensor run(Graph graph, Map<String, Tensor> data) {
        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.NONE)) {
            return session.run(data).values().iterator().next();
        }
    }

    @Test
    void shapesAreFollowedThroughComputedSizes() {
        var shapes = OnnxLibrary.inferShapes(OnnxLibrary.convert(Networks.transformer(1), 17));

        assertArrayEquals(
                new long[] {-1, -1, 2, 8},
                ValueInfos.shape(shapes.get("layer0.query.split")).orElseThrow());
        assertEquals(DataType.INT64, ValueInfos.type(shapes.get("tokens")).orElseThrow());
        assertEquals(
                DataType.FLOAT, ValueInfos.type(shapes.get("layer1.softmax")).orElseThrow());
    }

    @Test
    void largeConstantsAreShownAsInputsOnlyToTheLibrary() {
        var graph = Networks.transformer(1);

        OnnxLibrary.check(graph);
        var converted = OnnxLibrary.convert(graph, 13);

        assertTrue(graph.initializers().containsKey("word_table"));
        assertEquals(
                List.of("input_ids", "attention_mask"),
                converted.inputs().stream().map(input -> input.getName()).toList());
    }
}
