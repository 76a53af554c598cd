package dev.quantline.calibrate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quantline.linear.InputProducts.Product;
import dev.quantline.linear.LayerWeight;
import dev.quantline.onnx.Tensor;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;

class OutputSearchTest {
    private static final int INPUTS = 24;
    private static final int OUTPUTS = 6;
    private static final int ROWS = 200;

    @Test
    void theErrorOfTheOutputIsLowerThanBySquaredErrorsOfWeights() {
        // Given: inputs that go up and down together
        var random = new Random(11);
        var x = new float[ROWS * INPUTS];
        for (int row = 0; row < ROWS; row++) {
            double common = random.nextGaussian();
            for (int i = 0; i < INPUTS; i++) {
                x[row * INPUTS + i] = (float) (common + 0.3 * random.nextGaussian());
            }
        }
        var rows = Nd4j.createFromArray(x).reshape('c', ROWS, INPUTS);
        var product = new Product(1, INPUTS, rows.transpose().mmul(rows).castTo(DataType.DOUBLE).data().asDouble());
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
        var product = new Product(1, INPUTS, rows.transpose().mmul(rows).castTo(DataType.DOUBLE).data().asDouble());

        var columns = OutputSearch.choose(layer(Tensor.of(w, INPUTS, OUTPUTS), true), 4, product);

        assertArrayEquals(columns.scale(),
            OutputSearch.choose(layer(Tensor.of(transposed, OUTPUTS, INPUTS), false), 4, product).scale(), 0);
        assertEquals(1, columns.scale()[2], "a dead channel");
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
