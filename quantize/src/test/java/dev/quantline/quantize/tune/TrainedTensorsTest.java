package dev.quantline.quantize.tune;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.gradient.TrainingGraph;
import dev.quantline.gradient.loss.Loss;
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
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/**
 * Compares gradients for every kind of trained tensor of one layer, y = x^ w^ + b, as training gets them from the graph, with finite
 * differences of the formulas of {@link TrainedActivationQuantizer}, {@link TrainedWeightQuantizer} and {@link TrainedBias} in float64.
 */
class TrainedTensorsTest {
    private static final long SEED = 31;
    private static final int ROWS = 40;
    private static final int INPUTS = 6;
    private static final int OUTPUTS = 3;
    private static final double MOVE = 1e-6;
    private static final float[] SCALES = {0.2f, 0.25f, 0.3f};
    private static final Uniform WEIGHTS = new Uniform(4, true, 1, SCALES, new int[OUTPUTS]);

    private final Random random = new Random(SEED);

    /** Narrow codes, which are clipped before rounding, and eight-bit codes; whole shifts of the zero point. */
    static Stream<Arguments> layers() {
        return Stream.of(
                        new Uniform(4, false, Uniform.PER_TENSOR, new float[] {0.15f}, new int[] {7}),
                        new Uniform(8, false, Uniform.PER_TENSOR, new float[] {0.008f}, new int[] {100}),
                        new Uniform(8, true, Uniform.PER_TENSOR, new float[] {0.008f}, new int[] {0}))
                .flatMap(grid -> Stream.of(
                        Arguments.of(Weights.SHIFTED, grid, 0f),
                        Arguments.of(Weights.SHIFTED, grid, 2.3f),
                        Arguments.of(Weights.ROUNDED, grid, -1.4f)));
    }

    private Tensor gaussian(double deviation, long... shape) {
        var values = new float[(int) Tensor.count(shape)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (deviation * random.nextGaussian());
        }
        return Tensor.of(values, shape);
    }

    private final Tensor x = gaussian(0.6, ROWS, INPUTS);
    private final Tensor target = gaussian(1, ROWS, OUTPUTS);

    private static Graph model() {
        var builder = new GraphBuilder(17, SEED);
        builder.op(
                "y",
                "Gemm",
                builder.input("x", DataType.FLOAT, -1, INPUTS),
                builder.normal("w", .6, INPUTS, OUTPUTS),
                builder.normal("b", .3, OUTPUTS));
        return builder.output("y", DataType.FLOAT, -1, OUTPUTS).graph();
    }

    /** The layer during training, with values in the midst of training. */
    private final class Layer {
        private final Weights how;
        private final Uniform grid;
        private final Graph model = model();
        private final FakeQuantGraph fakeQuant;
        private final Map<Kind, String> names = new EnumMap<>(Kind.class);
        private final Map<String, Tensor> values = new LinkedHashMap<>();

        Layer(Weights how, Uniform grid, float shift) {
            this.how = how;
            this.grid = grid;
            var plan = new QuantizationPlan(
                    List.of(new QuantizationPlan.Activation("x", Set.of(), grid, "fixed")),
                    List.of(new QuantizationPlan.Weight(
                            "w", model.nodes().getFirst().name(), 1, WEIGHTS)));
            fakeQuant = new FakeQuantGraph(
                    Blocks.whole(model),
                    model,
                    plan,
                    new Trainables(how, true, true, true, true, true),
                    new RoundingRegularizer(0, 1));
            fakeQuant.parameters().forEach((name, kind) -> {
                names.put(kind, name);
                var start = fakeQuant.graph().initializers().get(name);
                var moves = gaussian(
                                kind == Kind.WEIGHT || kind == Kind.ROUNDING || kind == Kind.BIAS ? 1 : 0.1,
                                start.shape())
                        .toFloats();
                for (int i = 0; i < moves.length; i++) {
                    moves[i] = kind == Kind.ZERO_POINT ? shift : start.floats().get(i) + moves[i];
                }
                values.put(name, Tensor.of(moves, start.shape()));
            });
        }

        Map<Kind, double[]> trained() {
            var trained = new EnumMap<Kind, double[]>(Kind.class);
            names.forEach((kind, name) -> {
                var doubles = new double[values.get(name).size()];
                for (int i = 0; i < doubles.length; i++) {
                    doubles[i] = values.get(name).get(i);
                }
                trained.put(kind, doubles);
            });
            return trained;
        }

        /** Mean squared distance from the target, with the rounding errors of {@code held}. */
        double loss(Map<Kind, double[]> trained, Map<Kind, double[]> held) {
            double sum = 0;
            for (int row = 0; row < ROWS; row++) {
                for (int o = 0; o < OUTPUTS; o++) {
                    double y = bias(trained, o) - target.get(row * OUTPUTS + o);
                    for (int i = 0; i < INPUTS; i++) {
                        y += input(trained, held, x.get(row * INPUTS + i)) * weight(trained, held, i, o);
                    }
                    sum += y * y / ROWS / OUTPUTS;
                }
            }
            return sum;
        }

        private double input(Map<Kind, double[]> trained, Map<Kind, double[]> held, double value) {
            double rounded = Math.rint(held.get(Kind.ZERO_POINT)[0]) - held.get(Kind.ZERO_POINT)[0];
            double error = StraightThrough.error(StraightThrough.reach(grid, 0), steps(held, value, rounded));
            double scale = scale(trained);
            return scale
                            * (StraightThrough.kept(StraightThrough.reach(grid, 0), steps(trained, value, rounded))
                                    + error)
                    - scale * (trained.get(Kind.ZERO_POINT)[0] + rounded);
        }

        private double scale(Map<Kind, double[]> trained) {
            return grid.scale()[0] * trained.get(Kind.ACTIVATION_SCALE)[0];
        }

        private double steps(Map<Kind, double[]> trained, double value, double rounded) {
            return value / scale(trained) + trained.get(Kind.ZERO_POINT)[0] + rounded;
        }

        private double weight(Map<Kind, double[]> trained, Map<Kind, double[]> held, int i, int o) {
            var reach = StraightThrough.reach(WEIGHTS, o);
            double error = how == Weights.ROUNDED ? 0 : StraightThrough.error(reach, weightSteps(held, i, o));
            double factor = how == Weights.ROUNDED ? 1 : trained.get(Kind.WEIGHT_SCALE)[o];
            double kept = StraightThrough.kept(reach, weightSteps(trained, i, o));
            return trained.get(Kind.AFFINE)[o] * SCALES[o] * factor * (kept + error);
        }

        private double weightSteps(Map<Kind, double[]> trained, int i, int o) {
            double start = model.initializers().get("w").get(i * OUTPUTS + o) / SCALES[o];
            int at = i * OUTPUTS + o;
            return how == Weights.ROUNDED
                    ? Math.floor(start)
                            + Math.max(0, Math.min(1, 1.2 / (1 + Math.exp(-trained.get(Kind.ROUNDING)[at])) - 0.1))
                    : (start + trained.get(Kind.WEIGHT)[at]) / trained.get(Kind.WEIGHT_SCALE)[o];
        }

        /** A bias moves in units of the standard deviation of a sum over rounding errors. */
        private double bias(Map<Kind, double[]> trained, int o) {
            return model.initializers().get("b").get(o)
                    + SCALES[o] * grid.scale()[0] * Math.sqrt(INPUTS) * trained.get(Kind.BIAS)[o];
        }

        /** Gradients as a training step gets them. */
        Map<String, Tensor> gradients() {
            var derived = fakeQuant.derived().getFirst();
            var differentiated = new ArrayList<>(values.keySet());
            differentiated.removeAll(derived.sources());
            differentiated.add(derived.tensor());
            var training = TrainingGraph.of(
                    fakeQuant.graph(),
                    Map.of("x", x.shape()),
                    differentiated,
                    new Loss.MeanSquared("y", "target"),
                    List.of());
            var inputs = new LinkedHashMap<>(values);
            inputs.put("x", x);
            inputs.put("target", target);
            inputs.put(derived.tensor(), Tensor.zeros(DataType.FLOAT, derived.shape()));
            derived.compute(values, inputs.get(derived.tensor()));
            inputs.keySet().removeAll(derived.sources());
            try (var session = Session.open(training.graph(), Provider.cpu(), Session.Optimization.EXACT)) {
                var outputs = session.run(inputs);
                var gradients = new LinkedHashMap<String, Tensor>();
                values.forEach((name, value) -> gradients.put(
                        name,
                        derived.sources().contains(name)
                                ? Tensor.zeros(DataType.FLOAT, value.shape())
                                : outputs.get(training.gradients().get(name))));
                derived.back(values, outputs.get(training.gradients().get(derived.tensor())), 0, gradients);
                return gradients;
            }
        }
    }

    @ParameterizedTest
    @MethodSource("layers")
    void gradientsAreFiniteDifferencesWithRoundingErrorsHeld(Weights how, Uniform grid, float shift) {
        // Given
        var layer = new Layer(how, grid, shift);
        assertEquals(how == Weights.ROUNDED ? 5 : 6, layer.names.size());

        // When
        var gradients = layer.gradients();

        // Then
        layer.names.forEach((kind, name) -> {
            var direction = gaussian(1, gradients.get(name).shape());
            double analytic = 0;
            double length = 0;
            for (int i = 0; i < direction.size(); i++) {
                analytic += direction.get(i) * gradients.get(name).get(i);
                length += Math.pow(gradients.get(name).get(i), 2);
            }
            double numeric = (moved(layer, kind, direction, MOVE) - moved(layer, kind, direction, -MOVE)) / (2 * MOVE);
            assertEquals(
                    numeric,
                    analytic,
                    1e-3 * (Math.abs(numeric) + Math.sqrt(length) + 1e-3),
                    kind + " of " + how + ", " + grid.bits() + " bits, shifted by " + shift + ", seed " + SEED);
            assertTrue(length > 0, kind + " gets no gradient, seed " + SEED);
        });
    }

    private static double moved(Layer layer, Kind kind, Tensor direction, double by) {
        var trained = layer.trained();
        for (int i = 0; i < direction.size(); i++) {
            trained.get(kind)[i] += by * direction.get(i);
        }
        return layer.loss(trained, layer.trained());
    }
}
