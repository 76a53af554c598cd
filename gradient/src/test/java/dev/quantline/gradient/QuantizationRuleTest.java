package dev.quantline.gradient;

import dev.quantline.gradient.loss.Loss;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertEquals;

/**
 * Compares the straight-through rules of a quantize-dequantize pair with their definition, element by element: dx = dy inside the
 * range and 0 outside; ds = dy (q - z - x/s) inside and dy (q - z) outside (LSQ, arXiv 1902.08153), summed per scale. Codes that are
 * restored in two places, each contributing half of the result, give the same node by node.
 */
class QuantizationRuleTest {
    private static final long SEED = 11;
    private static final int ROWS = 4;
    private static final int COLUMNS = 6;

    /** Which elements share a scale: all, those of one row, or {@code block} neighbours in a column. */
    private record Variant(String name, DataType codes, boolean twice, Integer axis, int block, long... scales) {
        Variant(String name, DataType codes, Integer axis, int block, long... scales) {
            this(name, codes, false, axis, block, scales);
        }

        int scaleOf(int row, int column) {
            if (axis == null) {
                return 0;
            }
            return block > 0 ? row / block * COLUMNS + column : axis == 0 ? row : column;
        }

        @Override
        public String toString() {
            return name + " " + codes;
        }
    }

    static Stream<Variant> variants() {
        return Stream.of(
                new Variant("per tensor", DataType.INT8, null, 0),
                new Variant("per tensor", DataType.UINT8, null, 0),
                new Variant("per tensor, one-element scale", DataType.INT8, null, 0, 1),
                new Variant("per tensor", DataType.INT4, null, 0),
                new Variant("per tensor, twice", DataType.UINT8, true, null, 0),
                new Variant("per row, twice", DataType.INT8, true, 0, 0, ROWS),
                new Variant("per row", DataType.INT8, 0, 0, ROWS),
                new Variant("per column", DataType.UINT8, -1, 0, COLUMNS),
                new Variant("per block", DataType.INT8, 0, 2, 2, COLUMNS),
                new Variant("per uneven block", DataType.INT4, 0, 3, 2, COLUMNS));
    }

    @ParameterizedTest
    @MethodSource("variants")
    void pairPassesGradientsStraightThrough(Variant variant) {
        // Given
        var random = new Random(SEED);
        var x = gaussian(random, 1, ROWS, COLUMNS);
        var scale = gaussian(random, 0, variant.scales());
        var target = gaussian(random, 1, ROWS, COLUMNS);
        long zero = variant.codes() == DataType.UINT8 ? 100 : 0;

        // When
        var training = TrainingGraph.of(
                pair(variant, zero), Map.of(), List.of("x", "scale"), new Loss.MeanSquared("y", "target"), List.of());

        // Then
        try (var session = Session.open(training.graph(), Provider.cpu(), Session.Optimization.BASIC)) {
            var results = session.run(Map.of("x", x, "scale", scale, "target", target));
            var dx = results.get(training.gradients().get("x"));
            var ds = results.get(training.gradients().get("scale"));
            var expected = new double[scale.size()];
            double values = Math.pow(2, variant.codes().bits());
            double low = variant.codes() == DataType.UINT8 ? 0 : -values / 2;
            for (int i = 0; i < x.size(); i++) {
                int at = variant.scaleOf(i / COLUMNS, i % COLUMNS);
                double steps = x.get(i) / scale.get(at);
                double code = Math.clamp(Math.rint(steps) + zero, low, low + values - 1) - zero;
                boolean inside = steps + zero >= low && steps + zero <= low + values - 1;
                double dy = 2 * (code * scale.get(at) - target.get(i)) / x.size();
                assertEquals(inside ? dy : 0, dx.get(i), 1e-5, variant + ", x " + i + ", seed " + SEED);
                expected[at] += dy * (inside ? code - steps : code);
            }
            for (int i = 0; i < expected.length; i++) {
                assertEquals(
                        expected[i],
                        ds.get(i),
                        1e-4 * (1 + Math.abs(expected[i])),
                        variant + ", scale " + i + ", seed " + SEED);
            }
        }
    }

    /** Gaussian values, with scales so small that about a third of them saturate. */
    private static Tensor gaussian(Random random, int kind, long... shape) {
        var tensor = Tensor.zeros(DataType.FLOAT, shape);
        for (int i = 0; i < tensor.size(); i++) {
            tensor.floats().put(i, (float) (kind == 1 ? random.nextGaussian() : 0.008 + 0.004 * random.nextDouble()));
        }
        return tensor;
    }

    private static Graph pair(Variant variant, long zero) {
        var graph = Graph.empty(21);
        graph.inputs().add(ValueInfos.of("x", DataType.FLOAT, ROWS, COLUMNS));
        graph.inputs().add(ValueInfos.of("scale", DataType.FLOAT, variant.scales()));
        var zeros = Tensor.zeros(variant.codes(), variant.scales());
        if (variant.codes() == DataType.UINT8) {
            for (int i = 0; i < zeros.size(); i++) {
                zeros.data().put(i, (byte) zero);
            }
        }
        graph.initializers().put("zero", zeros);
        var attributes = new LinkedHashMap<String, Object>();
        if (variant.axis() != null) {
            attributes.put("axis", variant.axis());
        }
        if (variant.block() > 0) {
            attributes.put("block_size", variant.block());
        }
        graph.nodes().add(with(Node.of("QuantizeLinear", List.of("x", "scale", "zero"), "codes"), attributes));
        String restored = variant.twice() ? "first" : "y";
        graph.nodes().add(with(Node.of("DequantizeLinear", List.of("codes", "scale", "zero"), restored), attributes));
        if (variant.twice()) {
            graph.nodes()
                    .add(with(Node.of("DequantizeLinear", List.of("codes", "scale", "zero"), "second"), attributes));
            graph.nodes().add(Node.of("Mean", List.of("first", "second"), "y"));
        }
        graph.outputs().add(ValueInfos.of("y", DataType.FLOAT, ROWS, COLUMNS));
        return graph;
    }

    private static Node with(Node node, Map<String, Object> attributes) {
        for (var attribute : attributes.entrySet()) {
            node = node.with(attribute.getKey(), attribute.getValue());
        }
        return node;
    }
}
