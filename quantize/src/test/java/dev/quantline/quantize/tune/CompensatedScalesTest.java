package dev.quantline.quantize.tune;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.linear.InputGram;
import dev.quantline.quantize.linear.InputGram.Product;
import dev.quantline.quantize.linear.LayerWeight;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.PairLimit;
import dev.quantline.quantize.quantizer.Uniform;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Which scales, limits and layers compensated rounding uses. Without correlations everything can be computed by hand. */
class CompensatedScalesTest {
    private static final int INPUTS = 12;
    private static final int OUTPUTS = 6;
    private static final long SEED = 31;
    private static final float[] FACTORS = {1, 0.9f, 0.8f, 0.7f, 0.6f, 1.1f, 1.2f};

    @TempDir
    private Path folder;

    /** Uncorrelated inputs with these energies in every group. */
    private static Product uncorrelated(int groups, double[] energies) {
        var sums = new double[groups * INPUTS * INPUTS];
        for (int i = 0; i < groups * INPUTS; i++) {
            sums[i * INPUTS + i % INPUTS] = energies[i];
        }
        return new Product(groups, INPUTS, sums);
    }

    private static double[] energies(int count, Random random) {
        return random.doubles(count).map(share -> Math.pow(20, share)).toArray();
    }

    private static double[] alike(int count) {
        var energies = new double[count];
        Arrays.fill(energies, 2);
        return energies;
    }

    /** For one channel: the factor with the least output error, with each input weighted by its energy plus the damping. */
    private static float bestFactor(
            LayerWeight weight, Uniform quantizer, Product product, int output, double damping) {
        int from = output / (OUTPUTS / product.groups()) * INPUTS * INPUTS;
        double mean = IntStream.range(0, INPUTS)
                .mapToDouble(i -> product.sums().get(from + i * INPUTS + i))
                .average()
                .orElseThrow();
        float best = 0;
        double least = Double.POSITIVE_INFINITY;
        for (float factor : FACTORS) {
            var grid = scaled(quantizer, factor);
            double sum = 0;
            for (int i = 0; i < INPUTS; i++) {
                float w = (float) weight.tensor().get(weight.at(output, i));
                double off = w - grid.dequantize(grid.quantize(w, output), output);
                sum += (product.sums().get(from + i * INPUTS + i) + damping * mean) * off * off;
            }
            if (sum < least) {
                least = sum;
                best = factor;
            }
        }
        return best;
    }

    private static Uniform scaled(Uniform quantizer, float factor) {
        var scales = quantizer.scale().clone();
        for (int c = 0; c < scales.length; c++) {
            scales[c] *= factor;
        }
        return quantizer.withScale(scales);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void everyChannelTakesTheScaleThatLeavesItsOutputLeastError(int groups) {
        var random = new Random(SEED);
        var chosen = new ArrayList<float[]>();
        for (double scarcity : new double[] {0, 4}) {
            for (int draw = 0; draw < 6; draw++) {
                // Given
                var weight = RandomWeight.of(OUTPUTS, INPUTS, groups, draw % 2 == 0, random);
                var product = uncorrelated(groups, energies(groups * INPUTS, random));
                var quantizer = Uniform.symmetric(3, weight.axis(), new double[] {2, 2.5, 3, 3.5, 4, 4.5});

                // When
                var rounded = Gptq.withScales(weight, quantizer, product, scarcity);

                // Then
                var factors = new float[OUTPUTS];
                for (int o = 0; o < OUTPUTS; o++) {
                    factors[o] = bestFactor(weight, quantizer, product, o, 0.01 + 0.5 * scarcity);
                    assertEquals(
                            factors[o],
                            rounded.quantizer().scale()[o] / quantizer.scale()[o],
                            1e-6,
                            "channel " + o + ", draw " + draw + ", scarcity " + scarcity + ", seed " + SEED);
                }
                assertArrayEquals(
                        rounded.quantizer().fakeQuantize(weight.tensor()).toFloats(),
                        rounded.quantizer().fakeQuantize(rounded.values()).toFloats());
                chosen.add(factors);
            }
        }
        assertTrue(chosen.stream().anyMatch(factors -> factors[0] != 1));
    }

    @Test
    void scalesThatAreNotOneForEachChannelStay() {
        var random = new Random(SEED);
        var weight = RandomWeight.of(OUTPUTS, INPUTS, 1, false, random);
        var product = uncorrelated(1, energies(INPUTS, random));
        var wide = new double[INPUTS];
        Arrays.fill(wide, 6);
        for (var quantizer : List.of(
                new Uniform(3, true, Uniform.PER_TENSOR, new float[] {2}, new int[1]),
                Uniform.symmetric(3, 1, wide),
                Uniform.symmetric(3, 0, INPUTS / 2, wide))) {
            var rounded = Gptq.withScales(weight, quantizer, product, 0);

            assertArrayEquals(quantizer.scale(), rounded.quantizer().scale(), quantizer.toString());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void limitedPairsAreCutAsTheNearestCodesAre(int groups) {
        var random = new Random(SEED);
        for (boolean columns : new boolean[] {false, true}) {
            // Given scales some of which are narrowed, and inputs in the order in which they are stored
            var weight = RandomWeight.of(OUTPUTS, INPUTS, groups, columns, random);
            var quantizer = Uniform.symmetric(5, weight.axis(), new double[] {1.5, 2, 2.5, 4, 5, 6})
                    .withPairLimit(17);
            var product = uncorrelated(groups, alike(groups * INPUTS));

            // When
            var kept = Gptq.of(weight, quantizer, product);
            var narrowed = Gptq.withScales(weight, quantizer, product, 0);

            // Then
            for (var rounded : List.of(kept, narrowed)) {
                var free = rounded.quantizer().withPairLimit(0);
                var limited = rounded.quantizer().fakeQuantize(weight.tensor()).toFloats();
                assertArrayEquals(
                        limited, free.fakeQuantize(rounded.values()).toFloats(), "codes keep the limit by themselves");
                assertTrue(
                        !Arrays.equals(
                                limited, free.fakeQuantize(weight.tensor()).toFloats()),
                        "nothing was cut");
            }
            assertTrue(!Arrays.equals(quantizer.scale(), narrowed.quantizer().scale()), "no scale was changed");
        }
    }

    @Test
    void noPairExceedsTheLimitWhereWeightsMoveAndErrorsStillFall() {
        // Given: positively correlated inputs, the last ones with the most energy
        var random = new Random(SEED);
        var weight = RandomWeight.of(OUTPUTS, INPUTS, 1, false, random);
        var sums = new double[INPUTS * INPUTS];
        for (int i = 0; i < sums.length; i++) {
            int row = i / INPUTS;
            int column = i % INPUTS;
            sums[i] = (row == column ? 1.1 : 1) * (1 + row) * (1 + column);
        }
        var product = new Product(1, INPUTS, sums);
        var quantizer = Uniform.symmetric(5, 0, new double[] {3, 3, 3, 3, 3, 3}).withPairLimit(17);

        // When
        var rounded = Gptq.of(weight, quantizer, product).values();

        // Then
        var codes = quantizer.withPairLimit(0).quantize(rounded);
        double compensated = 0;
        double nearest = 0;
        for (int o = 0; o < OUTPUTS; o++) {
            var own = new long[INPUTS];
            for (int i = 0; i < INPUTS; i++) {
                own[i] = (long) codes.get(o * INPUTS + i);
            }
            assertTrue(PairLimit.largestPair(own) <= 17, Arrays.toString(own));
            compensated += error(weight.tensor(), quantizer.fakeQuantize(rounded), product, o);
            nearest += error(weight.tensor(), quantizer.fakeQuantize(weight.tensor()), product, o);
        }
        assertTrue(compensated < 0.5 * nearest, compensated + " against " + nearest);
    }

    private static double error(Tensor exact, Tensor rounded, Product product, int output) {
        double sum = 0;
        for (int i = 0; i < INPUTS * INPUTS; i++) {
            int one = output * INPUTS + i / INPUTS;
            int other = output * INPUTS + i % INPUTS;
            sum += (exact.get(one) - rounded.get(one))
                    * (exact.get(other) - rounded.get(other))
                    * product.sums().get(i);
        }
        return sum;
    }

    /** Three layers: one with its own weight, and two that share one. */
    private static Graph network() {
        var builder = new GraphBuilder(17, SEED);
        String x = builder.input("x", DataType.FLOAT, -1, INPUTS);
        builder.op("a", "MatMul", x, builder.normal("own", 1, INPUTS, INPUTS));
        builder.op("b", "MatMul", "a", builder.normal("shared", 1, INPUTS, INPUTS));
        builder.op("c", "MatMul", "b", "shared");
        return builder.output("c", DataType.FLOAT, -1, INPUTS).graph();
    }

    @Test
    void aLayerWithAWeightOfItsOwnIsRoundedAndASharedWeightStays() throws IOException {
        // Given
        var model = network();
        var reach = new double[INPUTS];
        Arrays.fill(reach, 2.5);
        var grid = Uniform.symmetric(3, 1, reach);
        var plan = new QuantizationPlan(
                List.of(),
                model.nodes().stream()
                        .map(node -> new QuantizationPlan.Weight(node.input(1), node.name(), 1, grid))
                        .toList());
        var random = new Random(SEED);
        var x = new float[40 * INPUTS];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) random.nextGaussian() + (i % INPUTS == 0 ? 0 : x[i - 1]);
        }
        var heard = new ArrayList<Double>();
        try (var read =
                Dataset.open(List.of(Data.write(folder.resolve("data.npz"), Map.of("x", Tensor.of(x, 40, INPUTS)))))) {
            var samples = new Samples(read, model, Map.of());
            var gram = InputGram.of(model, samples, 0, 40, 8, Provider.cpu(), Progress.none());

            // When
            var rounded = Gptq.apply(model, plan, gram, (done, message) -> heard.add(done));
            var untouched = Gptq.apply(model, plan, InputGram.none(), Progress.none());

            // Then
            var node = model.nodes().getFirst();
            var layer = LayerWeight.of(model, node).orElseThrow();
            var wanted =
                    Gptq.of(layer, grid, gram.of(model, node).orElseThrow()).values();
            assertEquals(wanted, rounded.initializers().get("own"));
            assertTrue(!wanted.equals(model.initializers().get("own")), "the given model is unchanged");
            assertEquals(
                    model.initializers().get("shared"), rounded.initializers().get("shared"));
            assertEquals(model.initializers(), untouched.initializers());
            assertArrayEquals(
                    new double[] {0, 1 / 3.0, 2 / 3.0},
                    heard.stream().mapToDouble(done -> done).toArray(),
                    1e-12);
        }
        // The first input of a layer, as a weight, is not a matrix with one output per column.
        assertTrue(!Gptq.takes(
                new QuantizationPlan.Weight("own", model.nodes().getFirst().name(), 0, grid), model.index()));
    }
}
