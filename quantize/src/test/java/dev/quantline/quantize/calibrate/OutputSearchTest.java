package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.linear.InputGram.Product;
import dev.quantline.quantize.linear.LayerWeight;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class OutputSearchTest {
    private static final int INPUTS = 24;
    private static final int OUTPUTS = 6;
    private static final int ROWS = 200;

    @Test
    void theErrorOfTheOutputIsLowerThanBySquaredErrorsOfWeights() {
        // Given: positively correlated inputs
        var random = new Random(11);
        var x = new float[ROWS * INPUTS];
        for (int row = 0; row < ROWS; row++) {
            double common = random.nextGaussian();
            for (int i = 0; i < INPUTS; i++) {
                x[row * INPUTS + i] = (float) (common + 0.3 * random.nextGaussian());
            }
        }
        var rows = Nd4j.createFromArray(x).reshape('c', ROWS, INPUTS);
        var product = new Product(
                1,
                INPUTS,
                rows.transpose().mmul(rows).castTo(DataType.DOUBLE).data().asDouble());
        var w = new float[INPUTS * OUTPUTS];
        for (int i = 0; i < w.length; i++) {
            w[i] = (float) random.nextGaussian();
        }
        var weight = Tensor.of(w, INPUTS, OUTPUTS);

        // When
        var byOutput = OutputSearch.choose(layer(weight, true), 3, product);
        var byWeight = WeightSearch.choose(weight, 3, 1, 0, null, new RangeCriterion.Mse());

        // Then
        double better = error(x, weight, byOutput.fakeQuantize(weight));
        double other = error(x, weight, byWeight.fakeQuantize(weight));
        assertTrue(better < 0.6 * other, better + " against " + other);
    }

    @Test
    void aTransposedWeightGetsTheSameScales() {
        var random = new Random(12);
        var w = new float[INPUTS * OUTPUTS];
        var transposed = new float[w.length];
        for (int i = 0; i < w.length; i++) {
            w[i] = i % OUTPUTS == 2 ? 0 : (float) random.nextGaussian();
            transposed[i % OUTPUTS * INPUTS + i / OUTPUTS] = w[i];
        }
        var rows = Nd4j.createFromArray(w).reshape('c', OUTPUTS, INPUTS);
        var product = new Product(
                1,
                INPUTS,
                rows.transpose().mmul(rows).castTo(DataType.DOUBLE).data().asDouble());

        var columns = OutputSearch.choose(layer(Tensor.of(w, INPUTS, OUTPUTS), true), 4, product);

        assertArrayEquals(
                columns.scale(),
                OutputSearch.choose(layer(Tensor.of(transposed, OUTPUTS, INPUTS), false), 4, product)
                        .scale(),
                0);
        assertEquals(1, columns.scale()[2], "a dead channel");
    }

    /** 4-bit codes times a step; each row starts with a number {@code beyond} the grid whose input is always 0. */
    private static float[] onGrid(Random random, int rows, int inputs, float[] steps, float[] beyond) {
        var w = new float[rows * inputs];
        for (int i = 0; i < w.length; i++) {
            int row = i / inputs;
            w[i] = i % inputs == 0 ? 7 * beyond[row] * steps[row] : steps[row] * (random.nextInt(15) - 7);
            w[row * inputs + 1] = 7 * steps[row];
        }
        return w;
    }

    /** X^T X of random rows in which the first input of every group is always 0. */
    private static double[] sums(Random random, int groups, int inputs) {
        var sums = new double[groups * inputs * inputs];
        for (int sample = 0; sample < 50 * groups; sample++) {
            var x = random.doubles(inputs, -1, 2).toArray();
            x[0] = 0;
            for (int i = 0; i < inputs * inputs; i++) {
                sums[sample % groups * inputs * inputs + i] += x[i / inputs] * x[i % inputs];
            }
        }
        return sums;
    }

    @Test
    void aWeightThatLiesOnAGridButWhereItMeetsNothingGetsThatGrid() {
        // Given: the numbers whose inputs are 0 reach 1.1 to 1.75 times as far as the grid, so that no listed alpha
        // gives it exactly
        long seed = 14;
        var steps = new float[] {.5f, 1, 2, .25f, 3, 1.5f};
        var beyond = new float[] {1.1f, 1.21f, 1.33f, 1.45f, 1.61f, 1.75f};
        for (int groups = 1; groups <= 3; groups++) {
            var random = new Random(seed);
            var w = onGrid(random, OUTPUTS, INPUTS, steps, beyond);
            var product = new Product(groups, INPUTS, sums(random, groups, INPUTS));

            // When
            var layer = new LayerWeight(Tensor.of(w, OUTPUTS, INPUTS), OUTPUTS, INPUTS, groups, new long[0], false);
            var found = OutputSearch.choose(layer, 4, product);

            // Then
            assertArrayEquals(steps, found.scale(), 1e-5f, groups + " groups, seed " + seed);
        }
    }

    @Test
    void everyOutputHasAScaleAtLeastAsGoodAsAnyOfTheList() {
        // Given: groups whose inputs have different correlations
        var random = new Random(15);
        int groups = 2;
        var sums = new double[groups * INPUTS * INPUTS];
        for (int sample = 0; sample < 100; sample++) {
            double common = random.nextGaussian() * (sample % groups * 3);
            var x = random.doubles(INPUTS, -1, 1).map(value -> value + common).toArray();
            for (int i = 0; i < INPUTS * INPUTS; i++) {
                sums[sample % groups * INPUTS * INPUTS + i] += x[i / INPUTS] * x[i % INPUTS];
            }
        }
        var w = new float[OUTPUTS * INPUTS];
        for (int i = 0; i < w.length; i++) {
            w[i] = (float) random.nextGaussian();
        }
        var layer = new LayerWeight(Tensor.of(w, OUTPUTS, INPUTS), OUTPUTS, INPUTS, groups, new long[0], false);

        // When
        var found =
                OutputSearch.choose(layer, 3, new Product(groups, INPUTS, sums)).scale();

        // Then
        double all = 0;
        double ofTheList = 0;
        for (int output = 0; output < OUTPUTS; output++) {
            double max = 0;
            for (int i = 0; i < INPUTS; i++) {
                max = Math.max(max, Math.abs(w[output * INPUTS + i]));
            }
            double least = Double.POSITIVE_INFINITY;
            for (int alpha = 52; alpha <= 100; alpha += 4) {
                least = Math.min(least, quadratic(w, sums, output, groups, max * alpha / 100 / 3));
            }
            double error = quadratic(w, sums, output, groups, found[output]);
            assertTrue(error <= least * 1.0001, "output " + output + ": " + error + " and " + least);
            assertTrue(found[output] <= max / 3 * 1.0001, "no range reaches farther than its channel");
            all += error;
            ofTheList += least;
        }
        assertTrue(all < .985 * ofTheList, "finer steps are worth nothing: " + all + " and " + ofTheList);
    }

    /** The refits that follow can only improve it. */
    @Test
    void everyScaleIsAtLeastAsGoodAsOneStepAroundTheBestOfTheList() {
        for (long seed = 20; seed < 40; seed++) {
            var random = new Random(seed);
            var sums = new double[INPUTS * INPUTS];
            for (int sample = 0; sample < 100; sample++) {
                var x = random.doubles(INPUTS, -1, 1.5).toArray();
                for (int i = 0; i < sums.length; i++) {
                    sums[i] += x[i / INPUTS] * x[i % INPUTS];
                }
            }
            var w = new float[OUTPUTS * INPUTS];
            for (int i = 0; i < w.length; i++) {
                w[i] = (float) random.nextGaussian();
            }

            var found = OutputSearch.choose(
                            layer(Tensor.of(w, OUTPUTS, INPUTS), false), 3, new Product(1, INPUTS, sums))
                    .scale();

            for (int output = 0; output < OUTPUTS; output++) {
                double max = 0;
                for (int i = 0; i < INPUTS; i++) {
                    max = Math.max(max, Math.abs(w[output * INPUTS + i]));
                }
                int best = 100;
                for (int alpha = 96; alpha >= 52; alpha -= 4) {
                    double error = quadratic(w, sums, output, 1, max * alpha / 100 / 3);
                    best = error < quadratic(w, sums, output, 1, max * best / 100 / 3) ? alpha : best;
                }
                double reached = quadratic(w, sums, output, 1, found[output]);
                for (int alpha : new int[] {best - 2, Math.min(100, best + 2)}) {
                    double around = quadratic(w, sums, output, 1, max * alpha / 100 / 3);
                    assertTrue(
                            reached <= around * 1.0001,
                            "output " + output + " at " + alpha + ", seed " + seed + ": " + reached + " and " + around);
                }
            }
        }
    }

    /** d^T H d of one output. */
    private static double quadratic(float[] w, double[] sums, int output, int groups, double s) {
        int group = output / (OUTPUTS / groups);
        var d = new double[INPUTS];
        for (int i = 0; i < INPUTS; i++) {
            float x = w[output * INPUTS + i];
            d[i] = Math.clamp(Math.rint(x / s), -4, 3) * s - x;
        }
        double sum = 0;
        for (int i = 0; i < INPUTS * INPUTS; i++) {
            sum += d[i / INPUTS] * sums[group * INPUTS * INPUTS + i] * d[i % INPUTS];
        }
        return sum;
    }

    private static LayerWeight layer(Tensor weight, boolean columns) {
        return new LayerWeight(weight, OUTPUTS, INPUTS, 1, new long[0], columns);
    }

    private static double error(float[] x, Tensor weight, Tensor rounded) {
        double sum = 0;
        for (int row = 0; row < ROWS; row++) {
            for (int c = 0; c < OUTPUTS; c++) {
                double y = 0;
                for (int i = 0; i < INPUTS; i++) {
                    y += x[row * INPUTS + i] * (weight.get(i * OUTPUTS + c) - rounded.get(i * OUTPUTS + c));
                }
                sum += y * y;
            }
        }
        return sum;
    }
}
