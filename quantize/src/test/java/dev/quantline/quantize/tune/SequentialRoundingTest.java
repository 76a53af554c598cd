package dev.quantline.quantize.tune;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.quantize.linear.InputGram.Product;
import dev.quantline.quantize.linear.LayerWeight;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.tune.BlockTuning.State;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.factory.Nd4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Two layers {@code x -> a -> r -> y} of {@value #D} channels each, as products or as 1 x 1 convolutions. */
class SequentialRoundingTest {
    private static final int D = 4;
    private static final int ROWS = 24;
    private static final int BATCH = 8;
    private static final double SCARCITY = (double) D / ROWS;
    private static final long SEED = 11;
    private static final Uniform GRID = Uniform.asymmetric(4, -3, 3);

    private final Random random = new Random(SEED);
    private final float[] x = correlated();

    private float[] correlated() {
        var values = new float[ROWS * D];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian() + (i % D == 0 ? 0 : values[i - 1]);
        }
        return values;
    }

    private static Uniform weights(boolean convolution) {
        return Uniform.symmetric(3, convolution ? 0 : 1, new double[] {2, 2, 2, 2});
    }

    private static Graph model(boolean convolution) {
        var builder = new GraphBuilder(17, SEED);
        String op = convolution ? "Conv" : "MatMul";
        var samples = convolution ? new long[] {-1, D, 1, 1} : new long[] {-1, D};
        var weight = convolution ? new long[] {D, D, 1, 1} : new long[] {D, D};
        builder.op(
                "r",
                "Relu",
                builder.op("a", op, builder.input("x", DataType.FLOAT, samples), builder.normal("v", 1, weight)));
        builder.op("y", op, "r", builder.normal("w", 1, weight));
        return builder.output("y", DataType.FLOAT, samples).graph();
    }

    private static QuantizationPlan plan(Graph model, boolean convolution) {
        return new QuantizationPlan(
                List.of(
                        new QuantizationPlan.Activation("x", Set.of(), GRID, "fixed"),
                        new QuantizationPlan.Activation("r", Set.of(), GRID, "fixed")),
                List.of(
                        new QuantizationPlan.Weight(
                                "v", model.nodes().getFirst().name(), 1, weights(convolution)),
                        new QuantizationPlan.Weight("w", model.nodes().getLast().name(), 1, weights(convolution))));
    }

    private static List<int[]> batches() {
        return IntStream.range(0, ROWS / BATCH)
                .mapToObj(i -> IntStream.range(i * BATCH, (i + 1) * BATCH).toArray())
                .toList();
    }

    private static Function<int[], Map<String, Tensor>> rows(String name, float[] values, boolean convolution) {
        return samples -> {
            var some = Tensor.of(
                    Arrays.copyOfRange(values, samples[0] * D, (samples[0] + samples.length) * D), samples.length, D);
            return Map.of(name, convolution ? some.reshape(samples.length, D, 1, 1) : some);
        };
    }

    /** Products {@code A^T B}. */
    private static double[] product(float[] a, float[] b) {
        var sums = new double[D * D];
        for (int i = 0; i < ROWS * D * D; i++) {
            int row = i / (D * D);
            sums[i % (D * D)] += (double) a[row * D + i / D % D] * b[row * D + i % D];
        }
        return sums;
    }

    private static float[] grid(float[] values) {
        return GRID.fakeQuantize(Tensor.vector(values)).toFloats();
    }

    private static float[] relu(float[] rows, Tensor weight, LayerWeight layer) {
        var outputs = new float[rows.length];
        for (int i = 0; i < outputs.length; i++) {
            double sum = 0;
            for (int k = 0; k < D; k++) {
                sum += rows[i / D * D + k] * weight.get(layer.at(i % D, k));
            }
            outputs[i] = (float) Math.max(0, sum);
        }
        return outputs;
    }

    /** A layer that reads {@code rounded} and should give its output for {@code exact}. */
    private static Gptq.Rounded wanted(LayerWeight layer, Uniform quantizer, float[] exact, float[] rounded) {
        var own = new Product(1, D, product(rounded, rounded));
        try (var cross = Nd4j.create(product(rounded, exact), new long[] {D, D}, 'c');
                var fit = new LeastSquares(own, cross, SCARCITY)) {
            return Gptq.withScales(fit.of(layer), quantizer, own, SCARCITY);
        }
    }

    private static void assertRounded(Gptq.Rounded wanted, State state, int layer) {
        var weight = state.plan().weights().get(layer);
        assertArrayEquals(wanted.quantizer().scale(), weight.quantizer().scale(), 1e-6f);
        assertArrayEquals(
                wanted.values().toFloats(),
                state.model().initializers().get(weight.tensor()).toFloats(),
                1e-3f,
                weight.tensor());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void everyLayerMakesUpForTheRoundedOnesBeforeIt(boolean convolution) {
        // Given
        var model = model(convolution);
        var plan = plan(model, convolution);
        var first = LayerWeight.of(model, model.nodes().getFirst()).orElseThrow();
        var second = LayerWeight.of(model, model.nodes().getLast()).orElseThrow();
        var wantedFirst = wanted(first, weights(convolution), x, grid(x));
        var codes = wantedFirst.quantizer().fakeQuantize(wantedFirst.values());
        var exact = relu(x, first.tensor(), first);
        var handed = relu(grid(x), codes, first);
        var wantedSecond = wanted(second, weights(convolution), exact, grid(handed));
        var heard = new ArrayList<String>();

        // When: both in one part, and the second in a separate part
        var whole = new SequentialRounding(Blocks.whole(model), model, new State(model, plan), Provider.cpu())
                .apply(
                        new SequentialRounding.Inputs(batches(), rows("x", x, convolution), rows("x", x, convolution)),
                        (done, message) -> heard.add(done + " " + message))
                .applyTo(new State(model, plan));
        var behind = new Subgraph(
                "behind",
                List.of("r"),
                List.of("y"),
                Set.of(model.nodes().getLast().name()));
        var alone = new SequentialRounding(behind, model, whole, Provider.cpu())
                .apply(
                        new SequentialRounding.Inputs(
                                batches(), rows("r", exact, convolution), rows("r", handed, convolution)),
                        Progress.none())
                .applyTo(whole);
        var apart = new SequentialRounding(behind, model, new State(model, plan), Provider.cpu())
                .apply(
                        new SequentialRounding.Inputs(
                                batches(), rows("r", exact, convolution), rows("r", handed, convolution)),
                        Progress.none())
                .applyTo(new State(model, plan));

        // Then
        assertRounded(wantedFirst, whole, 0);
        assertRounded(wantedSecond, whole, 1);
        assertRounded(wantedSecond, apart, 1);
        assertEquals(model.initializers().get("v"), apart.model().initializers().get("v"), "another part's weight");
        assertEquals(
                whole.model().initializers().get("v"),
                alone.model().initializers().get("v"));
        assertEquals(
                List.of(
                        "0.0 rounding " + model.nodes().getFirst().name(),
                        "0.5 rounding " + model.nodes().getLast().name()),
                heard);
        assertTrue(
                !Arrays.equals(
                        wantedSecond.values().toFloats(),
                        wanted(second, weights(convolution), exact, exact)
                                .values()
                                .toFloats()),
                "the preceding layer makes a difference, seed " + SEED);
    }

    @Test
    void groupsOfAConvolutionAreRoundedOnTheirOwnChannels() {
        // Given
        var builder = new GraphBuilder(17, SEED);
        String input = builder.input("x", DataType.FLOAT, -1, D, 1, 1);
        builder.op("y", "Conv", Map.of("group", 2L), input, builder.normal("v", 1, D, D / 2, 1, 1));
        var model = builder.output("y", DataType.FLOAT, -1, D, 1, 1).graph();
        var node = model.nodes().getFirst();
        var plan = new QuantizationPlan(
                List.of(new QuantizationPlan.Activation("x", Set.of(), GRID, "fixed")),
                List.of(new QuantizationPlan.Weight("v", node.name(), 1, weights(true))));

        // When
        var state = new SequentialRounding(Blocks.whole(model), model, new State(model, plan), Provider.cpu())
                .apply(
                        new SequentialRounding.Inputs(batches(), rows("x", x, true), rows("x", x, true)),
                        Progress.none())
                .applyTo(new State(model, plan));

        // Then
        var own = new Product(2, D / 2, ofGroups(product(grid(x), grid(x))));
        try (var cross = Nd4j.create(ofGroups(product(grid(x), x)), new long[] {D, D / 2}, 'c');
                var fit = new LeastSquares(own, cross, SCARCITY / 2)) {
            var aim = fit.of(LayerWeight.of(model, node).orElseThrow());
            assertRounded(Gptq.withScales(aim, weights(true), own, SCARCITY / 2), state, 0);
        }
    }

    /** Of products {@code [D, D]} those of the channels of each of two groups. */
    private static double[] ofGroups(double[] products) {
        int d = D / 2;
        return IntStream.range(0, 2 * d * d)
                .mapToDouble(i -> products[(i / d) * D + i / (d * d) * d + i % d])
                .toArray();
    }

    @Test
    void layersThatReadTheSameTensorAreEachRoundedAndASharedWeightStays() {
        // Given: two layers on x, and two more that share a weight
        var builder = new GraphBuilder(17, SEED);
        builder.op("a", "MatMul", builder.input("x", DataType.FLOAT, -1, D), builder.normal("v", 1, D, D));
        builder.op("b", "MatMul", "x", builder.normal("w", 1, D, D));
        builder.op("c", "MatMul", builder.op("sum", "Add", "a", "b"), builder.normal("shared", 1, D, D));
        builder.op("y", "MatMul", "c", "shared");
        var model = builder.output("y", DataType.FLOAT, -1, D).graph();
        var plan = new QuantizationPlan(
                List.of(),
                model.nodes().stream()
                        .filter(node -> node.is("MatMul"))
                        .map(node -> new QuantizationPlan.Weight(node.input(1), node.name(), 1, weights(false)))
                        .toList());

        // When
        var rounded = new SequentialRounding(Blocks.whole(model), model, new State(model, plan), Provider.cpu())
                .apply(
                        new SequentialRounding.Inputs(batches(), rows("x", x, false), rows("x", x, false)),
                        Progress.none())
                .applyTo(new State(model, plan));

        // Then
        for (int layer = 0; layer < 2; layer++) {
            var node = model.nodes().get(layer);
            assertRounded(wanted(LayerWeight.of(model, node).orElseThrow(), weights(false), x, x), rounded, layer);
        }
        assertEquals(
                model.initializers().get("shared"),
                rounded.model().initializers().get("shared"));
        assertEquals(plan.weights().subList(2, 4), rounded.plan().weights().subList(2, 4));
    }
}
