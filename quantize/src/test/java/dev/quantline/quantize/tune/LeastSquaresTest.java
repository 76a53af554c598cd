package dev.quantline.quantize.tune;

import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.linear.InputGram.Product;
import dev.quantline.quantize.linear.LayerWeight;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.factory.Nd4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class LeastSquaresTest {
    private static final int INPUTS = 7;
    private static final int OUTPUTS = 4;
    private static final int ROWS = 60;

    /** Rows that a float layer reads, and their disturbed form in a quantized network: {@code [groups][rows][inputs]}. */
    private record Rows(double[][][] exact, double[][][] disturbed) {
        static Rows of(int groups, double noise, Random random) {
            var exact = new double[groups][ROWS][];
            var disturbed = new double[groups][ROWS][];
            for (int group = 0; group < groups; group++) {
                for (int row = 0; row < ROWS; row++) {
                    exact[group][row] = random.doubles(INPUTS, -1, 1).toArray();
                    disturbed[group][row] = exact[group][row].clone();
                    for (int i = 0; i < INPUTS; i++) {
                        disturbed[group][row][i] +=
                                noise * (exact[group][row][(i + 1) % INPUTS] + random.nextGaussian());
                    }
                }
            }
            return new Rows(exact, disturbed);
        }

        double[] products(double[][][] left, double[][][] right) {
            var sums = new double[left.length * INPUTS * INPUTS];
            for (int i = 0; i < sums.length; i++) {
                int group = i / INPUTS / INPUTS;
                for (int row = 0; row < ROWS; row++) {
                    sums[i] += left[group][row][i / INPUTS % INPUTS] * right[group][row][i % INPUTS];
                }
            }
            return sums;
        }

        /** The objective with a damping of a tenth of the mean diagonal. */
        double objective(LayerWeight weight, Tensor found) {
            int each = OUTPUTS / exact.length;
            var wanted = weight.rows(weight.tensor());
            var given = weight.rows(found);
            double sum = 0;
            for (int o = 0; o < OUTPUTS; o++) {
                double diagonal = 0;
                for (int row = 0; row < ROWS; row++) {
                    double error = 0;
                    for (int i = 0; i < INPUTS; i++) {
                        double y = disturbed[o / each][row][i];
                        error += y * given[o * INPUTS + i] - exact[o / each][row][i] * wanted[o * INPUTS + i];
                        diagonal += y * y / INPUTS;
                    }
                    sum += error * error;
                }
                for (int i = 0; i < INPUTS; i++) {
                    sum += 0.1 * diagonal * Math.pow(given[o * INPUTS + i] - wanted[o * INPUTS + i], 2);
                }
            }
            return sum;
        }
    }

    private static Tensor fitted(LayerWeight weight, Product own, double[] cross) {
        try (var array = Nd4j.create(cross, new long[] {(long) own.groups() * INPUTS, INPUTS}, 'c');
                var fit = new LeastSquares(own, array, 0)) {
            return fit.of(weight).tensor();
        }
    }

    @ParameterizedTest
    @CsvSource({"1, false", "1, true", "2, false"})
    void noWeightNearByIsBetter(int groups, boolean columns) {
        // Given
        var random = new Random(11);
        var weight = RandomWeight.of(OUTPUTS, INPUTS, groups, columns, random);
        var rows = Rows.of(groups, 0.2, random);
        var own = new Product(groups, INPUTS, rows.products(rows.disturbed(), rows.disturbed()));

        // When
        var found = fitted(weight, own, rows.products(rows.disturbed(), rows.exact()));

        // Then
        double least = rows.objective(weight, found);
        assertTrue(least < 0.8 * rows.objective(weight, weight.tensor()), "nothing was gained");
        for (int i = 0; i < found.size(); i++) {
            for (float step : new float[] {-0.01f, 0.01f}) {
                var moved = found.toFloats();
                moved[i] += step;
                assertTrue(
                        rows.objective(weight, Tensor.of(moved, found.shape())) > least,
                        "element " + i + " by " + step);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"1, true", "2, false"})
    void aLayerThatReadsWhatTheFloatOneReadsKeepsItsWeight(int groups, boolean columns) {
        var random = new Random(12);
        var weight = RandomWeight.of(OUTPUTS, INPUTS, groups, columns, random);
        var rows = Rows.of(groups, 0, random);
        var sums = rows.products(rows.exact(), rows.exact());

        var found = fitted(weight, new Product(groups, INPUTS, sums), sums);

        assertArrayEquals(weight.tensor().toFloats(), found.toFloats());
    }
}
