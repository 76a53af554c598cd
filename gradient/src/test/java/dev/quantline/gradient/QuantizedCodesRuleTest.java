package dev.quantline.gradient;

import dev.quantline.gradient.loss.Loss;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

/**
 * Codes that are restored by a node that does not match their quantizer, node by node: q = clip(round(x/a) + z) passes
 * dx = dq/a and da = -dq x/a^2 inside the range and nothing outside, y = (q - w) b passes dq = b dy and db = dy (q -
 * w).
 */
class QuantizedCodesRuleTest {
    private static final long SEED = 23;
    private static final int SIZE = 4;

    /** The axis along which a scale is shared, and the block size; no axis for a single scale. */
    private record Layout(Integer axis, int block) {
        int scaleOf(int row, int column) {
            if (axis == null) {
                return 0;
            }
            int along = axis == 0 ? row : column;
            return block == 0
                    ? along
                    : axis == 0 ? row / block * SIZE + column : row * Math.ceilDiv(SIZE, block) + column / block;
        }

        Node on(Node node) {
            var placed = axis == null ? node : node.with("axis", axis);
            return block == 0 ? placed : placed.with("block_size", block);
        }
    }

    /** @param twoScales whether the second node has a different scale */
    private record Variant(
            String name, Layout make, Layout restore, boolean twoScales, int zero, int otherZero, long... scales) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static final Layout ALL = new Layout(null, 0);

    static List<Variant> variants() {
        return List.of(
                new Variant("another scale", ALL, ALL, true, 120, 120),
                new Variant("another zero point", ALL, ALL, false, 120, 118),
                new Variant("another axis", new Layout(0, 0), new Layout(1, 0), false, 120, 120, SIZE),
                new Variant("other blocks", new Layout(0, 2), new Layout(0, 3), false, 120, 120, 2, SIZE),
                new Variant(
                        "blocks along rows, another scale",
                        new Layout(1, 3),
                        new Layout(1, 3),
                        true,
                        120,
                        120,
                        SIZE,
                        2));
    }

    private static Tensor random(Random random, double low, double high, long... shape) {
        return Directions.tensor(
                DataType.FLOAT, random.doubles(Tensor.count(shape), low, high).toArray(), shape);
    }

    private static Tensor zeros(int zero, long... shape) {
        var bytes = new byte[(int) Tensor.count(shape)];
        Arrays.fill(bytes, (byte) zero);
        return Tensor.of(DataType.UINT8, bytes, shape);
    }

    private static Graph graph(long... shape) {
        var graph = Graph.empty(21);
        graph.inputs().add(ValueInfos.of("x", DataType.FLOAT, shape));
        graph.outputs().add(ValueInfos.of("y", DataType.FLOAT, shape));
        return graph;
    }

    @ParameterizedTest
    @MethodSource("variants")
    void codesCarryAGradientOfTheirOwn(Variant variant) {
        // Given: a third of the values are beyond the codes
        var random = new Random(SEED);
        var inputs = new LinkedHashMap<String, Tensor>();
        inputs.put("x", random(random, -2, 2, SIZE, SIZE));
        inputs.put("a", random(random, 0.009, 0.012, variant.scales()));
        inputs.put("target", random(random, -1, 1, SIZE, SIZE));
        var graph = graph(SIZE, SIZE);
        var trained = new ArrayList<>(List.of("x", "a"));
        graph.inputs().add(ValueInfos.of("a", DataType.FLOAT, variant.scales()));
        String restoring = variant.twoScales() ? "b" : "a";
        if (variant.twoScales()) {
            trained.add("b");
            inputs.put("b", random(random, 0.02, 0.03, variant.scales()));
            graph.inputs().add(ValueInfos.of("b", DataType.FLOAT, variant.scales()));
        }
        graph.initializers().put("zero", zeros(variant.zero(), variant.scales()));
        graph.initializers().put("other", zeros(variant.otherZero(), variant.scales()));
        graph.nodes().add(variant.make().on(Node.of("QuantizeLinear", List.of("x", "a", "zero"), "codes")));
        graph.nodes()
                .add(variant.restore()
                        .on(Node.of(
                                "DequantizeLinear",
                                List.of("codes", restoring, variant.zero() == variant.otherZero() ? "zero" : "other"),
                                "y")));

        // When
        var training = TrainingGraph.of(graph, Map.of(), trained, new Loss.MeanSquared("y", "target"), List.of());

        // Then
        var expected = new double[3][];
        expected[0] = new double[SIZE * SIZE];
        expected[1] = new double[inputs.get("a").size()];
        expected[2] = variant.twoScales() ? new double[expected[1].length] : expected[1];
        for (int i = 0; i < SIZE * SIZE; i++) {
            int first = variant.make().scaleOf(i / SIZE, i % SIZE);
            int second = variant.restore().scaleOf(i / SIZE, i % SIZE);
            double x = inputs.get("x").get(i);
            double a = inputs.get("a").get(first);
            double b = inputs.get(restoring).get(second);
            double real = x / a + variant.zero();
            boolean inside = real >= 0 && real <= 255;
            double steps = Math.clamp(Math.rint(x / a) + variant.zero(), 0, 255) - variant.otherZero();
            double dy = 2 * (steps * b - inputs.get("target").get(i)) / (SIZE * SIZE);
            expected[0][i] = inside ? dy * b / a : 0;
            expected[1][first] -= inside ? dy * b * x / (a * a) : 0;
            expected[2][second] += dy * steps;
        }
        try (var session = Session.open(training.graph(), Provider.cpu(), Session.Optimization.BASIC)) {
            var results = session.run(inputs);
            for (int k = 0; k < trained.size(); k++) {
                var gradient = results.get(training.gradients().get(trained.get(k)));
                for (int i = 0; i < gradient.size(); i++) {
                    assertEquals(
                            expected[k][i],
                            gradient.get(i),
                            1e-4 * (1 + Math.abs(expected[k][i])),
                            variant + ", " + trained.get(k) + " " + i + ", seed " + SEED);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = DataType.class,
            names = {"INT4", "UINT4", "INT8", "UINT8", "INT16", "UINT16"})
    void gradientsStopWhereTheCodesEnd(DataType codes) {
        double values = Math.pow(2, codes.bits());
        double low = codes.name().startsWith("U") ? 0 : -values / 2;
        double high = low + values - 1;

        assertArrayEquals(
                new double[] {0, 0, 1, 1, 0, 0},
                slopes(codes, true, low - 1.5, low - 0.3, low + 0.3, high - 0.3, high + 0.3, high + 1.5),
                1e-6);
    }

    /** Codes are unsigned bytes unless stated otherwise, around 0. */
    @ParameterizedTest
    @EnumSource(
            value = DataType.class,
            names = {"INT8", "UINT8"})
    void withoutAZeroPointTheTypeOfTheCodesIsWhatTheNodeSays(DataType codes) {
        double low = codes == DataType.UINT8 ? 0 : -128;

        assertArrayEquals(
                new double[] {0, 1, 1, 0}, slopes(codes, false, low - 1.5, low + 0.3, low + 254.7, low + 256.5), 1e-6);
    }

    /** dx over dy of a pair with zero point 0 and scale 0.5, at these numbers of steps. */
    private static double[] slopes(DataType codes, boolean zeroPoint, double... steps) {
        var x = Tensor.vector(new float[steps.length]);
        for (int i = 0; i < steps.length; i++) {
            x.floats().put(i, (float) (steps[i] / 2));
        }
        var graph = graph(steps.length);
        graph.initializers().put("scale", Tensor.scalar(0.5f));
        graph.initializers().put("zero", Tensor.zeros(codes));
        var make =
                Node.of("QuantizeLinear", zeroPoint ? List.of("x", "scale", "zero") : List.of("x", "scale"), "codes");
        graph.nodes().add(zeroPoint || codes == DataType.UINT8 ? make : make.with("output_dtype", codes.code()));
        graph.nodes()
                .add(Node.of(
                        "DequantizeLinear",
                        zeroPoint ? List.of("codes", "scale", "zero") : List.of("codes", "scale"),
                        "y"));
        var training =
                TrainingGraph.of(graph, Map.of(), List.of("x"), new Loss.MeanSquared("y", "target"), List.of("y"));
        try (var session = Session.open(training.graph(), Provider.cpu(), Session.Optimization.BASIC)) {
            // A distant target, so that no gradient is 0 by chance.
            var target = new float[steps.length];
            Arrays.fill(target, 1e5f);
            var results = session.run(Map.of("x", x, "target", Tensor.vector(target)));
            var slopes = new double[steps.length];
            for (int i = 0; i < steps.length; i++) {
                double dy = 2 * (results.get("y").get(i) - target[i]) / steps.length;
                slopes[i] = results.get(training.gradients().get("x")).get(i) / dy;
            }
            return slopes;
        }
    }
}
