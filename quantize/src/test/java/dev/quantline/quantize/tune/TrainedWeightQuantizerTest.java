package dev.quantline.quantize.tune;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.tune.Trainables.Kind;
import dev.quantline.quantize.tune.Trainables.Weights;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** A weight during training, by the formulas of {@link TrainedWeightQuantizer} in float64, with gradients by finite differences. */
class TrainedWeightQuantizerTest {
    private static final long SEED = 21;
    private static final long[] SHAPE = {6, 10};
    /** How strongly learned rounding is driven to a decision. */
    private static final double DECISION = 0.3;

    private static final int STEPS = 50;
    private static final double MOVE = 1e-6;

    private final Random random = new Random(SEED);

    static Stream<Arguments> weights() {
        var grids = List.of(
                new Uniform(4, true, 0, scales(6), new int[6]),
                new Uniform(3, true, 1, scales(10), new int[10]),
                new Uniform(4, false, 1, 0, scales(10), new int[] {8, 7, 3, 12, 8, 8, 0, 15, 9, 8}, 0),
                new Uniform(4, true, 1, 4, scales(18), new int[18], 0),
                new Uniform(4, true, 0, 0, scales(6), new int[6], 6),
                new Uniform(4, false, Uniform.PER_TENSOR, scales(1), new int[] {6}));
        return grids.stream().flatMap(grid -> Stream.of(Weights.values()).map(how -> Arguments.of(how, grid)));
    }

    private static float[] scales(int count) {
        var scales = new float[count];
        for (int c = 0; c < count; c++) {
            scales[c] = 0.25f + 0.02f * c;
        }
        return scales;
    }

    /** A weight with everything trained, and values of its tensors in the midst of training. */
    private final class Subject {
        private final Weights how;
        private final Uniform grid;
        private final float[] start = gaussian(60, 1);
        private final int[] scaleOf;
        /** The range of each element, which is narrower than that of the codes if pairs are limited. */
        private final double[][] reach = new double[60][];

        private final TrainedWeightQuantizer weight;
        private final Map<Kind, String> names = new LinkedHashMap<>();
        private final Map<String, Tensor> starts = new LinkedHashMap<>();
        private final Map<String, Tensor> values = new LinkedHashMap<>();

        Subject(Weights how, Uniform grid) {
            this.how = how;
            this.grid = grid;
            scaleOf = grid.scaleIndex(SHAPE);
            var limited = grid.pairLimit() > 0 ? grid.reaches(Tensor.of(start, SHAPE)) : null;
            Arrays.setAll(
                    reach,
                    i -> limited == null
                            ? StraightThrough.reach(grid, scaleOf[i])
                            : new double[] {limited[0][i], limited[1][i]});
            weight = new TrainedWeightQuantizer(
                    new QuantizationPlan.Weight("w", "layer", 1, grid),
                    Tensor.of(start, SHAPE),
                    new Trainables(how, false, true, false, true),
                    new RoundingRegularizer(DECISION, STEPS),
                    "w/restored");
            var graph = model();
            weight.write(graph);
            weight.parameters().forEach((name, kind) -> {
                names.put(kind, name);
                var value = graph.initializers().get(name);
                starts.put(name, value);
                var moves = gaussian(value.size(), kind == Kind.ROUNDING ? 2 : kind == Kind.WEIGHT ? 0.5 : 0.1);
                for (int i = 0; i < moves.length; i++) {
                    moves[i] += value.floats().get(i);
                }
                values.put(name, Tensor.of(moves, value.shape()));
            });
        }

        private Graph model() {
            var graph = Graph.empty(17);
            graph.initializers().put("w", Tensor.of(start, SHAPE));
            graph.nodes().add(Node.of("MatMul", List.of("x", "w"), "y").withName("layer"));
            return graph;
        }

        float[] computed(Map<String, Tensor> from) {
            var result = Tensor.zeros(DataType.FLOAT, SHAPE);
            weight.compute(from, result);
            return result.toFloats();
        }

        private double[] of(Map<Kind, double[]> trained, Kind kind, double otherwise) {
            int size = kind == Kind.WEIGHT || kind == Kind.ROUNDING ? start.length : grid.scale().length;
            return trained.computeIfAbsent(kind, missing -> {
                var constant = new double[size];
                Arrays.fill(constant, otherwise);
                return constant;
            });
        }

        /** The current value of every trained tensor, in float64. */
        Map<Kind, double[]> trained() {
            var trained = new LinkedHashMap<Kind, double[]>();
            names.forEach((kind, name) -> trained.put(kind, doubles(values.get(name))));
            return trained;
        }

        /** Steps from the zero point before rounding and clipping. */
        double steps(Map<Kind, double[]> trained, int i) {
            double unit = grid.scale()[scaleOf[i]];
            if (how == Weights.ROUNDED) {
                return Math.floor(start[i] / unit) + h(trained.get(Kind.ROUNDING)[i]);
            }
            return (start[i] + unit * of(trained, Kind.WEIGHT, 0)[i])
                    / (unit * of(trained, Kind.WEIGHT_SCALE, 1)[scaleOf[i]]);
        }

        /** The restored value, given what rounding adds to the number of steps. */
        double restored(Map<Kind, double[]> trained, int i, double error) {
            int c = scaleOf[i];
            return trained.get(Kind.AFFINE)[c]
                    * grid.scale()[c]
                    * of(trained, Kind.WEIGHT_SCALE, 1)[c]
                    * (StraightThrough.kept(reach[i], steps(trained, i)) + error);
        }

        /** Learned rounding is not rounded during training. */
        double error(Map<Kind, double[]> trained, int i) {
            return how == Weights.ROUNDED ? 0 : StraightThrough.error(reach[i], steps(trained, i));
        }

        boolean isClipped(Map<Kind, double[]> trained, int i) {
            return StraightThrough.kept(reach[i], steps(trained, i)) != steps(trained, i);
        }

        @Override
        public String toString() {
            return how + ", " + grid.bits() + " bits on axis " + grid.axis() + " in blocks of " + grid.block()
                    + ", seed " + SEED;
        }
    }

    private static double h(double move) {
        return Math.max(0, Math.min(1, 1.2 / (1 + Math.exp(-move)) - 0.1));
    }

    private float[] gaussian(int size, double deviation) {
        var values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) (deviation * random.nextGaussian());
        }
        return values;
    }

    private static double[] doubles(Tensor tensor) {
        var values = new double[tensor.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = tensor.get(i);
        }
        return values;
    }

    @ParameterizedTest
    @MethodSource("weights")
    void aLayerComputesWithTheCodesAsTheirScalesAndItsGainRestoreThem(Weights how, Uniform grid) {
        var subject = new Subject(how, grid);

        var result = subject.computed(subject.values);

        var trained = subject.trained();
        int clipped = 0;
        for (int i = 0; i < result.length; i++) {
            assertEquals(
                    subject.restored(trained, i, subject.error(trained, i)),
                    result[i],
                    1e-5,
                    subject + ", element " + i);
            clipped += subject.isClipped(trained, i) ? 1 : 0;
        }
        assertTrue(clipped > 0 && clipped < 40, clipped + " of 60 are clipped, " + subject);
    }

    @ParameterizedTest
    @MethodSource("weights")
    void trainingStartsFromThePlanAndLearnedRoundingFromTheFloatWeights(Weights how, Uniform grid) {
        var subject = new Subject(how, grid);

        var result = subject.computed(subject.starts);

        var planned = grid.fakeQuantize(Tensor.of(subject.start, SHAPE)).toFloats();
        for (int i = 0; i < result.length; i++) {
            float unit = grid.scale()[subject.scaleOf[i]];
            double wanted = how == Weights.ROUNDED
                    ? unit * StraightThrough.kept(subject.reach[i], subject.start[i] / unit)
                    : planned[i];
            assertEquals(wanted, result[i], 1e-5, subject + ", element " + i);
        }
    }

    @ParameterizedTest
    @MethodSource("weights")
    void whatIsStoredIsWhatWasTrainedOnceItIsDecided(Weights how, Uniform grid) {
        // Given
        var subject = new Subject(how, grid);
        var plan = new QuantizationPlan(List.of(), List.of(new QuantizationPlan.Weight("w", "layer", 1, grid)));
        var decided = subject.weight.decided(subject.values);

        // When
        var tuned = new Tuned();
        subject.weight.fold(subject.values, tuned);

        // Then
        var stored = tuned.applyTo(plan, new SharedQuantizers(subject.model(), plan))
                .weights()
                .getFirst()
                .quantizer();
        var result = subject.computed(decided);
        assertArrayEquals(
                result,
                stored.fakeQuantize(
                                tuned.applyTo(subject.model()).initializers().get("w"))
                        .toFloats(),
                1e-5f);
        var trained = subject.trained();
        for (int i = 0; i < result.length && how == Weights.ROUNDED; i++) {
            double whole = Math.floor(subject.start[i] / (double) grid.scale()[subject.scaleOf[i]])
                    + (trained.get(Kind.ROUNDING)[i] > 0 ? 1 : 0);
            assertEquals(
                    StraightThrough.kept(subject.reach[i], whole),
                    result[i] / stored.scale()[subject.scaleOf[i]],
                    1e-4,
                    subject + ", element " + i);
        }
    }

    @ParameterizedTest
    @MethodSource("weights")
    void gradientsAreFiniteDifferencesWithRoundingErrorsHeld(Weights how, Uniform grid) {
        var subject = new Subject(how, grid);
        var incoming = gaussian(60, 1);
        // Reconstruction alone, and a step at which the regularizer of learned rounding is a parabola.
        for (int step : new int[] {0, STEPS}) {
            var gradients = new LinkedHashMap<String, Tensor>();
            subject.values.forEach((name, value) -> gradients.put(name, Tensor.zeros(DataType.FLOAT, value.shape())));

            subject.weight.back(subject.values, Tensor.of(incoming, SHAPE), step, gradients);

            subject.names.forEach((kind, name) -> {
                var direction = gaussian(gradients.get(name).size(), 1);
                double analytic = 0;
                for (int i = 0; i < direction.length; i++) {
                    analytic += direction[i] * gradients.get(name).get(i);
                }
                double numeric = (loss(subject, kind, direction, MOVE, incoming, step)
                                - loss(subject, kind, direction, -MOVE, incoming, step))
                        / (2 * MOVE);
                assertEquals(
                        numeric, analytic, 1e-4 * (1 + Math.abs(numeric)), kind + " at step " + step + ", " + subject);
            });
        }
    }

    /** The weight times the incoming gradient plus the regularizer, with one trained tensor moved along a direction. */
    private static double loss(Subject subject, Kind kind, float[] direction, double by, float[] incoming, int step) {
        var held = subject.trained();
        var moved = subject.trained();
        for (int i = 0; i < direction.length; i++) {
            moved.get(kind)[i] += by * direction[i];
        }
        double sum = 0;
        for (int i = 0; i < incoming.length; i++) {
            sum += incoming[i] * subject.restored(moved, i, subject.error(held, i));
            if (subject.how == Weights.ROUNDED && step == STEPS && !subject.isClipped(held, i)) {
                sum += DECISION * (1 - Math.pow(2 * h(moved.get(Kind.ROUNDING)[i]) - 1, 2));
            }
        }
        return sum;
    }
}
