package dev.quantline.quantize.tune;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.tune.Trainables.Kind;
import dev.quantline.quantize.tune.Trainables.Weights;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** What is quantized and trained in a part: two layers, {@code x -> a (+ u) -> h -> y}, where other nodes read x too. */
class SimulatedPartsTest {
    private static final Uniform GRID = Uniform.asymmetric(4, -2, 2);
    private static final Uniform WEIGHTS = Uniform.symmetric(4, 1, new double[] {2, 2, 2});
    private static final Trainables ALL = new Trainables(Weights.SHIFTED, true, true, true, true, true);
    private static final QuantizationPlan.Weight FIRST = new QuantizationPlan.Weight("v", "a/MatMul", 1, WEIGHTS);
    private static final QuantizationPlan.Weight SECOND = new QuantizationPlan.Weight("w", "y/Gemm", 1, WEIGHTS);
    private static final Tensor X = Tensor.of(new float[] {-3, -1.1f, 0.3f, 0.7f, 1.3f, 2.6f}, 2, 3);

    /** @param joined the operator after the first product, with a constant vector */
    private static GraphBuilder draft(String joined) {
        var builder = new GraphBuilder(17, 4);
        builder.op("a", "MatMul", builder.input("x", DataType.FLOAT, -1, 3), builder.normal("v", 1, 3, 3));
        builder.op("h", joined, "a", builder.normal("u", 1, 3));
        builder.op("y", "Gemm", "h", builder.normal("w", 1, 3, 3), builder.normal("b", 1, 3));
        return builder.output("y", DataType.FLOAT, -1, 3);
    }

    private static QuantizationPlan.Activation activation(String tensor, String... readers) {
        return new QuantizationPlan.Activation(tensor, Set.of(readers), GRID, "fixed");
    }

    private static QuantizationPlan plan(QuantizationPlan.Activation... activations) {
        return new QuantizationPlan(List.of(activations), List.of(FIRST, SECOND));
    }

    private static Map<String, Kind> trained(Subgraph part, Graph model, QuantizationPlan plan, Trainables trainables) {
        return new TreeMap<>(
                new FakeQuantGraph(part, model, plan, trainables, new RoundingRegularizer(0, 1)).parameters());
    }

    private static float[] run(Graph graph, String tensor) {
        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.EXACT)) {
            return session.run(Map.of(graph.inputs().getFirst().getName(), X))
                    .get(tensor)
                    .toFloats();
        }
    }

    /** The output of one layer: its input, on the grid or not, times the weight restored from codes, plus the bias. */
    private static float[] layer(float[] input, boolean onGrid, Graph model, String weight, String bias) {
        var x = onGrid ? GRID.fakeQuantize(Tensor.vector(input)).toFloats() : input;
        var w = WEIGHTS.fakeQuantize(model.initializers().get(weight)).toFloats();
        var y = new float[x.length];
        for (int i = 0; i < y.length; i++) {
            y[i] = model.initializers().get(bias).floats().get(i % 3);
            for (int k = 0; k < 3; k++) {
                y[i] += x[i / 3 * 3 + k] * w[3 * k + i % 3];
            }
        }
        return y;
    }

    @Test
    void layersComputeWithTheCodesOfWeightsAndOfPlannedTensors() {
        var model = draft("Add").graph();
        for (boolean x : new boolean[] {false, true}) {
            for (boolean h : new boolean[] {false, true}) {
                var planned = new ArrayList<QuantizationPlan.Activation>();
                if (x) {
                    planned.add(activation("x", "a/MatMul"));
                }
                if (h) {
                    planned.add(activation("h"));
                }
                var plan = new QuantizationPlan(planned, List.of(FIRST, SECOND));

                var simulated = run(FakeQuantGraph.fixed(Blocks.whole(model), model, plan), "y");

                var expected = layer(layer(X.toFloats(), x, model, "v", "u"), h, model, "w", "b");
                assertArrayEquals(expected, simulated, 1e-5f, "x quantized: " + x + ", h: " + h);
            }
        }
    }

    @Test
    void onlyThoseWhoReadATensorQuantizedGetItsCodes() {
        var builder = draft("Add");
        builder.op("z", "Mul", "x", "x");
        var model = builder.output("z", DataType.FLOAT, -1, 3).graph();

        var simulated = FakeQuantGraph.fixed(Blocks.whole(model), model, plan(activation("x", "a/MatMul")));

        assertArrayEquals(run(model, "z"), run(simulated, "z"));
        assertFalse(run(model, "y")[0] == run(simulated, "y")[0]);
    }

    @Test
    void aPartEndsBeforeTheGridOfItsOutputUnlessTheModelEndsThere() {
        var model = draft("Add").graph();
        var first = new Subgraph("first", List.of(), List.of("h"), Set.of("a/MatMul", "h/Add"));

        assertArrayEquals(
                run(FakeQuantGraph.fixed(first, model, plan()), "h"),
                run(FakeQuantGraph.fixed(first, model, plan(activation("h"))), "h"));
        var ended = run(FakeQuantGraph.fixed(Blocks.whole(model), model, plan(activation("y"))), "y");
        assertArrayEquals(GRID.fakeQuantize(Tensor.vector(ended)).toFloats(), ended);
    }

    @Test
    void aPartTrainsWhatIsItsOwnAlone() {
        var model = draft("Add").graph();
        var plan = plan(activation("x"), activation("h"));
        var second = new Subgraph("second", List.of("h"), List.of("y"), Set.of("y/Gemm"));
        var dead = new Subgraph("first of both", List.of(), List.of("h"), Set.of("a/MatMul", "h/Add", "y/Gemm"));
        var own = new TreeMap<>(Map.of(
                "v/shift",
                Kind.WEIGHT,
                "v/factor",
                Kind.WEIGHT_SCALE,
                "v/gain",
                Kind.AFFINE,
                "u/shift",
                Kind.BIAS,
                "x/factor",
                Kind.ACTIVATION_SCALE,
                "x/zero_point_shift",
                Kind.ZERO_POINT));

        assertEquals(
                new TreeMap<>(Map.of(
                        "w/shift",
                        Kind.WEIGHT,
                        "w/factor",
                        Kind.WEIGHT_SCALE,
                        "w/gain",
                        Kind.AFFINE,
                        "b/shift",
                        Kind.BIAS,
                        "h/factor",
                        Kind.ACTIVATION_SCALE,
                        "h/zero_point_shift",
                        Kind.ZERO_POINT)),
                trained(second, model, plan, ALL));
        assertEquals(own, trained(dead, model, plan, ALL), "nodes that lead to none of its outputs are not in it");
        assertEquals(
                own,
                trained(new Subgraph("first", List.of(), List.of("h"), Set.of("a/MatMul", "h/Add")), model, plan, ALL));
    }

    private static List<Kind> kinds(Graph model, QuantizationPlan plan, Trainables trainables) {
        return trained(Blocks.whole(model), model, plan, trainables).values().stream()
                .sorted()
                .distinct()
                .toList();
    }

    @Test
    void whatIsAskedIsTrained() {
        var model = draft("Add").graph();
        var plan = plan(activation("x"), activation("h"));

        assertEquals(
                List.of(Kind.WEIGHT_SCALE),
                kinds(model, plan, new Trainables(Weights.FIXED, false, true, false, false)));
        assertEquals(
                List.of(Kind.AFFINE), kinds(model, plan, new Trainables(Weights.FIXED, false, false, false, true)));
        assertEquals(List.of(Kind.BIAS), kinds(model, plan, new Trainables(Weights.FIXED, true, false, false, false)));
        assertEquals(
                List.of(Kind.ROUNDING),
                kinds(model, plan, new Trainables(Weights.ROUNDED, false, false, false, false)));
        assertEquals(
                List.of(Kind.ACTIVATION_SCALE),
                kinds(model, plan, new Trainables(Weights.FIXED, false, false, true, false)));
        var perChannel = new QuantizationPlan(
                List.of(
                        activation("x"),
                        new QuantizationPlan.Activation(
                                "h",
                                Set.of(),
                                new Uniform(4, true, 1, new float[] {.3f, .4f, .5f}, new int[3]),
                                "fixed")),
                plan.weights());
        assertEquals(
                Set.of("x/factor"),
                trained(
                                Blocks.whole(model),
                                model,
                                perChannel,
                                new Trainables(Weights.FIXED, false, false, true, false))
                        .keySet(),
                "one scale is trained, not one a channel");
        var still =
                new FakeQuantGraph(Blocks.whole(model), model, plan, Trainables.NOTHING, new RoundingRegularizer(0, 1));
        assertEquals(List.of(), still.derived(), "weights that stay are constants");
    }

    @Test
    void aBiasIsAConstantAddedToALayerWhoseErrorsAreKnown() {
        var biases = new Trainables(Weights.FIXED, true, false, false, false);
        var model = draft("Add").graph();
        var grids = plan(activation("x"), activation("h"));
        var blocks = Uniform.symmetric(4, 0, 1, new double[] {2, 2, 2, 2, 2, 2, 2, 2, 2});
        var blockwise = new QuantizationPlan(
                grids.activations(), List.of(new QuantizationPlan.Weight("v", "a/MatMul", 1, blocks), SECOND));
        var oneScale = new QuantizationPlan(
                grids.activations(),
                List.of(
                        FIRST,
                        new QuantizationPlan.Weight(
                                "w", "y/Gemm", 1, Uniform.symmetric(4, Uniform.PER_TENSOR, new double[] {2}))));

        assertEquals(
                Set.of("u/shift", "b/shift"),
                trained(Blocks.whole(model), model, grids, biases).keySet());
        assertEquals(
                Set.of("u/shift", "b/shift"),
                trained(Blocks.whole(model), model, oneScale, biases).keySet());
        assertEquals(
                Set.of("b/shift"),
                trained(Blocks.whole(model), model, plan(activation("h")), biases)
                        .keySet());
        assertEquals(
                Set.of("b/shift"),
                trained(Blocks.whole(model), model, blockwise, biases).keySet());
        var scaled = draft("Mul").graph();
        assertEquals(
                Set.of("b/shift"),
                trained(Blocks.whole(scaled), scaled, grids, biases).keySet());
    }

    @Test
    void aWeightThatIsLookedUpOrReadTwiceStays() {
        var builder = new GraphBuilder(17, 4);
        builder.op("a", "Gather", builder.normal("table", 1, 5, 3), builder.input("ids", DataType.INT64, -1));
        builder.op("b", "MatMul", "a", builder.normal("v", 1, 3, 3));
        builder.op("y", "MatMul", builder.op("c", "MatMul", "b", builder.normal("w", 1, 3, 3)), "w");
        var model = builder.output("y", DataType.FLOAT, -1, 3).graph();
        var plan = new QuantizationPlan(
                List.of(),
                List.of(
                        new QuantizationPlan.Weight(
                                "table", "a/Gather", 0, Uniform.symmetric(4, Uniform.PER_TENSOR, new double[] {2})),
                        new QuantizationPlan.Weight("v", "b/MatMul", 1, WEIGHTS),
                        new QuantizationPlan.Weight("w", "c/MatMul", 1, WEIGHTS),
                        new QuantizationPlan.Weight("w", "y/MatMul", 1, WEIGHTS)));

        assertEquals(
                Set.of("v/shift"),
                trained(Blocks.whole(model), model, plan, new Trainables(Weights.SHIFTED, false, false, false, false))
                        .keySet());
    }

    /**
     * An operator that only moves values keeps the codes: its grid is that of its input, which is trained once, by the part that
     * owns it.
     */
    @Test
    void aGridIsTrainedWhereItBegins() {
        var builder = new GraphBuilder(17, 4);
        builder.op(
                "h",
                "Relu",
                builder.op("a", "MatMul", builder.input("x", DataType.FLOAT, -1, 3), builder.normal("v", 1, 3, 3)));
        builder.op("r", "Reshape", builder.op("t", "Tanh", "h"), builder.constant("shape", Tensor.vector(-1L, 3L)));
        builder.op("y", "MatMul", "r", builder.normal("w", 1, 3, 3));
        var model = builder.output("y", DataType.FLOAT, -1, 3).graph();
        var plan = new QuantizationPlan(List.of(activation("t"), activation("r")), List.of());
        var scales = new Trainables(Weights.FIXED, false, false, true, false);
        var behind = new Subgraph("behind", List.of("r"), List.of("y"), Set.of("y/MatMul"));

        assertEquals(
                Set.of("t/factor"),
                trained(Blocks.whole(model), model, plan, scales).keySet());
        assertEquals(Set.of(), trained(behind, model, plan, scales).keySet());
        assertTrue(
                FakeQuantGraph.fixed(behind, model, plan).nodes().stream().anyMatch(node -> node.is("QuantizeLinear")));
    }
}
