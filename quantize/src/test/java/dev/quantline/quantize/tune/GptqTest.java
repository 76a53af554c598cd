package dev.quantline.quantize.tune;

import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.linear.InputGram.Product;
import dev.quantline.quantize.linear.LayerWeight;
import dev.quantline.quantize.quantizer.Uniform;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Random;
import java.util.stream.IntStream;
import org.apache.commons.math3.linear.Array2DRowRealMatrix;
import org.apache.commons.math3.linear.ArrayRealVector;
import org.apache.commons.math3.linear.LUDecomposition;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class GptqTest {
    private static final int INPUTS = 24;
    private static final int OUTPUTS = 6;
    private static final int ROWS = 200;

    /** X^T X of positively correlated inputs, separately for each group. */
    private static Product correlated(int groups, Random random) {
        var sums = new double[groups * INPUTS * INPUTS];
        for (int group = 0; group < groups; group++) {
            for (int row = 0; row < ROWS; row++) {
                double common = random.nextGaussian();
                var x = random.doubles(INPUTS)
                        .map(noise -> common + noise - 0.5)
                        .toArray();
                for (int i = 0; i < INPUTS * INPUTS; i++) {
                    sums[group * INPUTS * INPUTS + i] += x[i / INPUTS] * x[i % INPUTS];
                }
            }
        }
        return new Product(groups, INPUTS, sums);
    }

    private static double outputError(LayerWeight weight, Tensor rounded, Product product) {
        var exact = weight.rows(weight.tensor());
        var codes = weight.rows(rounded);
        double sum = 0;
        for (int o = 0; o < OUTPUTS; o++) {
            int from = o / (OUTPUTS / product.groups()) * INPUTS * INPUTS;
            for (int i = 0; i < INPUTS * INPUTS; i++) {
                int one = o * INPUTS + i / INPUTS;
                int other = o * INPUTS + i % INPUTS;
                sum += (exact[one] - codes[one])
                        * (exact[other] - codes[other])
                        * product.sums().get(from + i);
            }
        }
        return sum;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void errorsOfTheOutputFallAndEveryWeightStaysWithinReachOfItsCode(int groups) {
        for (boolean columns : new boolean[] {false, true}) {
            // Given
            var random = new Random(5);
            var weight = RandomWeight.of(OUTPUTS, INPUTS, groups, columns, random);
            var product = correlated(groups, random);
            var reach = new double[OUTPUTS];
            Arrays.fill(reach, 2.5);
            var quantizer = Uniform.symmetric(3, weight.axis(), reach);

            // When
            var moved = Gptq.of(weight, quantizer, product).values();

            // Then
            var rounded = quantizer.fakeQuantize(moved);
            double nearest = outputError(weight, quantizer.fakeQuantize(weight.tensor()), product);
            double compensated = outputError(weight, rounded, product);
            assertTrue(compensated < 0.5 * nearest, compensated + " against " + nearest);
            assertArrayEquals(
                    rounded.toFloats(), moved.toFloats(), 0.499f * quantizer.scale()[0]);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void withoutCorrelationsItRoundsToTheNearest(int groups) {
        var random = new Random(6);
        var weight = RandomWeight.of(OUTPUTS, INPUTS, groups, false, random);
        var sums = new double[groups * INPUTS * INPUTS];
        for (int i = 0; i < groups * INPUTS; i++) {
            sums[i * INPUTS + i % INPUTS] = 1 + random.nextDouble();
        }
        var quantizer = Uniform.symmetric(4, 0, new double[] {2, 2, 2, 2, 2, 2});

        var moved =
                Gptq.of(weight, quantizer, new Product(groups, INPUTS, sums)).values();

        assertArrayEquals(
                quantizer.fakeQuantize(weight.tensor()).toFloats(),
                quantizer.fakeQuantize(moved).toFloats());
    }

    /**
     * The definition, input by input, starting with the most energy: a weight is rounded to the code nearest to its optimum if all later
     * ones were free and optimal (GPTQ, arXiv 2210.17323).
     */
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void everyCodeIsTheNearestToTheBestThatIsLeft(int groups) {
        for (boolean columns : new boolean[] {false, true}) {
            var random = new Random(9);
            var weight = RandomWeight.of(OUTPUTS, INPUTS, groups, columns, random);
            var product = correlated(groups, random);
            for (int i = 0; i < product.sums().limit(); i++) {
                product.sums().put(i, product.sums().get(i) * (louder(i / INPUTS % INPUTS) * louder(i % INPUTS)));
            }
            var quantizer = Uniform.symmetric(4, weight.axis(), new double[] {2, 2.2, 2.4, 2.6, 2.8, 3});

            var moved = weight.rows(
                    quantizer.fakeQuantize(Gptq.of(weight, quantizer, product).values()));

            var exact = weight.rows(weight.tensor());
            for (int o = 0; o < OUTPUTS; o++) {
                var h = new double[INPUTS][INPUTS];
                double mean = 0;
                for (int i = 0; i < INPUTS * INPUTS; i++) {
                    h[i / INPUTS][i % INPUTS] = product.sums().get(o / (OUTPUTS / groups) * INPUTS * INPUTS + i);
                    mean += i / INPUTS == i % INPUTS ? h[i / INPUTS][i / INPUTS] / INPUTS : 0;
                }
                for (int i = 0; i < INPUTS; i++) {
                    h[i][i] += 0.01 * mean;
                }
                var wanted = rounded(quantizer, o, Arrays.copyOfRange(exact, o * INPUTS, (o + 1) * INPUTS), h);
                assertArrayEquals(
                        wanted, Arrays.copyOfRange(moved, o * INPUTS, (o + 1) * INPUTS), 1e-5f, "output " + o);
            }
        }
    }

    /** Energies in no particular order of position. */
    private static double louder(int i) {
        return 1 + i * 7 % INPUTS / 10.0;
    }

    /** One output channel, with the unrounded weights solved for anew each time. */
    private static float[] rounded(Uniform quantizer, int output, float[] exact, double[][] h) {
        var order = IntStream.range(0, INPUTS)
                .boxed()
                .sorted(Comparator.comparingDouble(i -> -h[i][i]))
                .toList();
        var codes = new float[INPUTS];
        for (int k = 0; k < INPUTS; k++) {
            var free = order.subList(k, INPUTS).stream().mapToInt(i -> i).toArray();
            var pull = new double[free.length];
            for (int row = 0; row < free.length; row++) {
                for (int done : order.subList(0, k)) {
                    pull[row] += h[free[row]][done] * (exact[done] - codes[done]);
                }
            }
            var among = new Array2DRowRealMatrix(h, false).getSubMatrix(free, free);
            double best = exact[free[0]]
                    + new LUDecomposition(among)
                            .getSolver()
                            .solve(new ArrayRealVector(pull, false))
                            .getEntry(0);
            codes[free[0]] = quantizer.dequantize(quantizer.quantize((float) best, output), output);
        }
        return codes;
    }

    /** An input that others compensate for is rounded before them, to nearest, so that the most expensive errors are the smallest. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void theInputWithMostEnergyIsRoundedFirst(int groups) {
        // Given: positively correlated inputs, each with more energy than the previous one
        var random = new Random(8);
        var weight = RandomWeight.of(OUTPUTS, INPUTS, groups, false, random);
        var product = correlated(groups, random);
        for (int i = 0; i < product.sums().limit(); i++) {
            product.sums().put(i, product.sums().get(i) * ((1 + i / INPUTS % INPUTS) * (1 + i % INPUTS)));
        }
        var quantizer = Uniform.symmetric(3, 0, new double[] {3, 3, 3, 3, 3, 3});

        // When
        var moved = Gptq.of(weight, quantizer, product).values();

        // Then
        var nearest = quantizer.fakeQuantize(weight.tensor()).toFloats();
        var codes = quantizer.fakeQuantize(moved).toFloats();
        int elsewhere = 0;
        for (int o = 0; o < OUTPUTS; o++) {
            assertEquals(nearest[(o + 1) * INPUTS - 1], codes[(o + 1) * INPUTS - 1], "output " + o);
            for (int i = 0; i < INPUTS; i++) {
                elsewhere += nearest[o * INPUTS + i] == codes[o * INPUTS + i] ? 0 : 1;
            }
        }
        assertTrue(elsewhere > OUTPUTS, elsewhere + " codes are not the nearest");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void scalesThatAreTooWideAreNarrowed(int groups) {
        // Given: every channel has twice the step that its weights need
        var random = new Random(7);
        var weight = RandomWeight.of(OUTPUTS, INPUTS, groups, true, random);
        var product = correlated(groups, random);
        var quantizer = Uniform.symmetric(3, weight.axis(), new double[] {5, 5, 5, 5, 5, 5});

        // When
        var rounded = Gptq.withScales(weight, quantizer, product, 0);

        // Then
        double kept = outputError(
                weight,
                quantizer.fakeQuantize(Gptq.of(weight, quantizer, product).values()),
                product);
        double narrowed = outputError(weight, rounded.quantizer().fakeQuantize(rounded.values()), product);
        assertTrue(narrowed < 0.7 * kept, narrowed + " against " + kept);
    }
}
