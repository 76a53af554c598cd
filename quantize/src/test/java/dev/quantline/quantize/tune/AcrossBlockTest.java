package dev.quantline.quantize.tune;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;

/** The rest of a stage is appended to a part, with the masks that both or only one of them reads. */
class AcrossBlockTest {
    private static final Map<String, Tensor> FED =
            Map.of("x", Tensor.of(new float[] {1, -2, 3, 4}, 2, 2), "mask", Tensor.of(new float[] {1, 0, 1, 1}, 2, 2));

    @TempDir
    private Path folder;

    /** {@code h = relu(x)}, optionally with a penalty computed from the mask; {@code y = (h + 1) penalty}. */
    private static Graph model(boolean masked) {
        var builder = new GraphBuilder(17, 1);
        builder.op("r", "Relu", builder.input("x", DataType.FLOAT, -1, 2));
        builder.op(
                "penalty",
                "Sub",
                builder.input("mask", DataType.FLOAT, -1, 2),
                builder.constant("one", Tensor.scalar(1)));
        builder.op("h", masked ? "Add" : "Mul", "r", masked ? "penalty" : builder.constant("two", Tensor.scalar(2)));
        builder.op("y", "Mul", builder.op("sum", "Add", "h", "one"), "penalty");
        return builder.output("y", DataType.FLOAT, -1, 2).graph();
    }

    @Test
    void theRestGoesOnFromWhatThePartGives() {
        for (boolean masked : new boolean[] {false, true}) {
            // Given
            var model = model(masked);
            var part = new Subgraph("part", List.of(), List.of("h"), Set.of());
            var graph = part.cut(model);
            var rest = new Subgraph("behind", List.of("h"), List.of("y"), Set.of());

            // When
            try (var targets = new Activations(folder, Map.of())) {
                new AcrossBlock(rest, targets).appendTo(graph, model);
            }
            graph.outputs().addAll(model.outputs());
            graph.sort();

            // Then
            assertEquals(
                    Set.of("x", "mask"),
                    Set.copyOf(graph.inputs().stream()
                            .map(input -> input.getName())
                            .toList()));
            assertEquals(model.nodes().size(), graph.nodes().size(), "nodes in both are computed once");
            assertEquals(2, graph.inputs().size());
            try (var whole = Session.open(model, Provider.cpu(), Session.Optimization.EXACT);
                    var joined = Session.open(graph, Provider.cpu(), Session.Optimization.EXACT)) {
                assertEquals(whole.run(FED).get("y"), joined.run(FED).get("y"));
            }
        }
    }
}
