package dev.quantline.quantize.allocate;

import dev.quantline.fixture.GraphBuilder;
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

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

class SegmentTest {
    private static final Tensor X = Tensor.of(new float[] {1, -2, 3, 5, 4, -6}, 2, 3);

    /** {@code x -> f (of another domain) -> y}, and the position of the maximum in each row of f. */
    private static Graph model() {
        var builder = new GraphBuilder(17, 2);
        builder.graph()
                .nodes()
                .add(Node.of("FastGelu", List.of(builder.input("x", DataType.FLOAT, -1, 3)), "f")
                        .withDomain("com.microsoft"));
        builder.op("y", "MatMul", "f", builder.normal("w", 1, 3, 2));
        builder.op("largest", "ArgMax", Map.of("axis", 1L), "f");
        return builder.output("y", DataType.FLOAT, -1, 2)
                .output("largest", DataType.INT64, -1, 1)
                .graph()
                .withOpset("com.microsoft", 1);
    }

    @Test
    void partsRunOnWhatThePartsBeforeGive() {
        var model = model();
        var segment = new Segment(model);
        try (var whole = Session.open(model, Provider.cpu(), Session.Optimization.EXACT);
                var first = Session.open(
                        segment.of(model.nodes().subList(0, 1), Map.of("x", X), List.of("f")),
                        Provider.cpu(),
                        Session.Optimization.EXACT)) {
            var known = first.run(Map.of("x", X));
            var second = segment.of(model.nodes().subList(1, 3), known, List.of("y", "largest"));
            try (var rest = Session.open(second, Provider.cpu(), Session.Optimization.EXACT)) {
                assertEquals(whole.run(Map.of("x", X)), rest.run(known));
            }
        }
    }

    @Test
    void outputsAreDeclaredByTheirTypeWhereItIsKnown() {
        var model = model();
        var part = new Segment(model).of(model.nodes(), Map.of("x", X), List.of("largest", "f"));

        assertEquals(
                List.of(Optional.of(DataType.INT64), Optional.empty()),
                part.outputs().stream().map(ValueInfos::type).toList());
        assertEquals(
                List.of("largest", "f"),
                part.outputs().stream().map(output -> output.getName()).toList());
        assertArrayEquals(
                new long[] {-1, -1}, ValueInfos.shape(part.inputs().getFirst()).orElseThrow());
    }

    @Test
    void whatItsOutputsDoNotNeedIsNotInAPart() {
        var model = model();

        var part = new Segment(model).of(model.nodes(), Map.of("x", X), List.of("largest"));

        assertEquals(
                List.of("FastGelu", "ArgMax"),
                part.nodes().stream().map(Node::op).toList());
        assertEquals(Set.of(), part.initializers().keySet());
    }

    @Test
    void aPartReadsWhatItDoesNotMakeAndNoConstants() {
        var model = model();

        assertEquals(Set.of("f"), new Segment(model).reads(model.nodes().subList(1, 3)));
        assertEquals(Set.of("x"), new Segment(model).reads(model.nodes()));
    }
}
