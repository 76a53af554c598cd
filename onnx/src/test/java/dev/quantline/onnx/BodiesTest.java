package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import java.util.List;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

class BodiesTest {
    private static GraphProto named(String name) {
        return GraphProto.newBuilder().setName(name).build();
    }

    private static List<String> names(List<GraphProto> bodies) {
        return bodies.stream().map(GraphProto::getName).toList();
    }

    @Test
    void bodiesAreFoundAndChangedWhereverAnAttributeHoldsThem() {
        var one = AttributeProto.newBuilder().setName("body").setG(named("one")).build();
        var more = AttributeProto.newBuilder()
                .setName("branches")
                .addGraphs(named("two"))
                .addGraphs(named("three"))
                .build();
        var none = AttributeProto.newBuilder().setName("axis").setI(1).build();
        var node = NodeProto.newBuilder()
                .addAttribute(one)
                .addAttribute(none)
                .addAttribute(more)
                .build();

        assertEquals(List.of("one", "two", "three"), names(Bodies.of(node)));
        assertEquals(List.of(), Bodies.of(none));
        assertEquals(List.of("ONE"), names(Bodies.of(Bodies.changed(one, body -> named("ONE")))));
        assertEquals(
                List.of("two!", "three!"), names(Bodies.of(Bodies.changed(more, body -> named(body.getName() + "!")))));
        assertSame(none, Bodies.changed(none, body -> named("never")));
    }
}
