package dev.quantline.onnx.rewrite;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

class PassTest {
    /** Appends a Relu to the end of a chain, but refuses a third one. */
    private record Appending(String name) implements Pass {
        @Override
        public Rewritten apply(Graph model) {
            var graph = model.copy();
            if (graph.nodes().size() == 2) {
                return new Rewritten(graph, this, List.of(), List.of("the third"));
            }
            graph.nodes().add(Node.of("Relu", List.of("x"), name));
            return new Rewritten(graph, this, List.of(name), List.of());
        }
    }

    @Test
    void passesRunInTurnAndEachSaysWhatItDid() {
        var model = new GraphBuilder(17, 1).graph();

        var result = Pass.all(List.of(new Appending("one"), new Appending("two"), new Appending("three")), model);

        assertEquals(
                List.of("one", "two"),
                result.graph().nodes().stream().map(Node::output).toList());
        assertEquals(List.of(), model.nodes());
        assertEquals(
                List.of(
                        new Rewrite("one", List.of("one"), List.of()),
                        new Rewrite("two", List.of("two"), List.of()),
                        new Rewrite("three", List.of(), List.of("the third"))),
                result.rewrites());
    }

    @Test
    void preparationReportsItsRulesInOrderAndNothingOfTheCanonicalForm() {
        var model = new GraphBuilder(17, 1).output("x", DataType.FLOAT, 1).graph();
        model.initializers().put("x", Tensor.vector(1f));

        assertEquals(
                List.of("batch normalisation folded", "branches merged", "dead channels removed", "layers equalised"),
                PreparedModel.of(model, true).rewrites().stream()
                        .map(Rewrite::rule)
                        .toList());
    }

    @Test
    void onlyAShapeThatIsKnownIsFolded() {
        var builder = new GraphBuilder(17, 1);
        builder.input("x", DataType.FLOAT, 2, 3, 4);
        builder.input("open", DataType.FLOAT, -1, 3);
        builder.op("known", "Shape", Map.of("start", 1L), "x");
        builder.op("unknown", "Shape", "open");
        var graph = builder.output("known", DataType.INT64, 2)
                .output("unknown", DataType.INT64, 2)
                .graph();

        var folded = new ShapeFolding().apply(graph);

        assertEquals(List.of("known"), folded.rewrites().getFirst().applied());
        assertEquals(
                List.of("unknown"),
                folded.graph().nodes().stream().map(Node::output).toList());
        assertArrayEquals(
                new float[] {3, 4}, folded.graph().initializers().get("known").toFloats());
    }

    @Test
    void aSimplifiedNormWithASecondOutputIsRefused() {
        var builder = new GraphBuilder(17, 1);
        builder.input("x", DataType.FLOAT, -1, 4);
        builder.normal("scale", 1, 4);
        builder.op("y", "SimplifiedLayerNormalization", "x", "scale");
        builder.graph().nodes().add(Node.of("SimplifiedLayerNormalization", List.of("x", "scale"), "z", "deviation"));

        var rewrite = new SimplifiedNorms().apply(builder.graph()).rewrites().getFirst();

        assertEquals(List.of("y"), rewrite.applied());
        assertEquals(List.of("z: it has a second output, or normalises more than the last axis"), rewrite.refused());
    }
}
