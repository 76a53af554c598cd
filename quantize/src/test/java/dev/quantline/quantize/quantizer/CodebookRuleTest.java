package dev.quantline.quantize.quantizer;

import dev.quantline.gradient.TrainingGraph;
import dev.quantline.gradient.loss.Loss;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertEquals;

/** Exported quantizers whose codes lie on a curve: gradients pass straight through inside their range. */
class CodebookRuleTest {
    private static final int COUNT = 200;

    /** A quantizer, the range in which gradients pass, and the tolerance of the slope from 1 with so few levels. */
    private record Variant(Quantizer quantizer, double from, double to, double tolerance) {}

    static List<Variant> variants() {
        return List.of(
                new Variant(new Tangent(8, 2, 0.5, 1.5f), 0.02, 1.48, 0.02),
                new Variant(new Tangent(4, 2, 0.5, 1.5f), 0.2, 1.3, 0.35),
                new Variant(new Logarithmic(8, 2, 1), 1e-3, 0.95, 0.35),
                new Variant(new Logarithmic(4, 2, 1), 0.02, 0.7, 0.35));
    }

    @ParameterizedTest
    @MethodSource("variants")
    void gradientsPassStraightThroughInsideTheRangeAndStopBeyond(Variant variant) {
        // Given
        var x = Tensor.zeros(DataType.FLOAT, COUNT);
        for (int i = 0; i < COUNT; i++) {
            x.floats().put(i, (float) (-0.5 + 3.0 * (i + 0.5) / COUNT));
        }
        var graph = Graph.empty(17);
        graph.inputs().add(ValueInfos.of("x", DataType.FLOAT, COUNT));
        graph.outputs().add(ValueInfos.of("y", DataType.FLOAT, COUNT));
        variant.quantizer().write(graph, "site", "x", "y");

        // When
        var training =
                TrainingGraph.of(graph, Map.of(), List.of("x"), new Loss.MeanSquared("y", "target"), List.of("y"));

        // Then
        try (var session = Session.open(training.graph(), Provider.cpu(), Session.Optimization.ALL)) {
            var results = session.run(Map.of("x", x, "target", Tensor.zeros(DataType.FLOAT, COUNT)));
            for (int i = 0; i < COUNT; i++) {
                double dy = 2 * results.get("y").get(i) / COUNT;
                double dx = results.get(training.gradients().get("x")).get(i);
                if (x.get(i) > variant.from() && x.get(i) < variant.to()) {
                    assertEquals(1, dx / dy, variant.tolerance(), variant + " at " + x.get(i));
                } else if (x.get(i) < -0.01 || x.get(i) > 1.51) {
                    assertEquals(0, dx, 1e-9, variant + " at " + x.get(i));
                }
            }
        }
    }
}
