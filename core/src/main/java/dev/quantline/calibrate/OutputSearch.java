package dev.quantline.calibrate;

import dev.quantline.onnx.Tensor;
import dev.quantline.quantizer.Uniform;
import java.util.Arrays;
import java.util.function.IntToDoubleFunction;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Scales of a linear layer's weights by the error of its output (ours): d^T (X^T X) d for the error d of each output channel, which
 * knows that errors met by correlated inputs add up or cancel. The largest magnitude is shrunk by alpha in {0.52, 0.56, .., 1}, then
 * by 0.02 around the best.
 */
final class OutputSearch {
    private static final double[] COARSE = {1, .96, .92, .88, .84, .8, .76, .72, .68, .64, .6, .56, .52};
    private static final double FINE = 0.02;

    private final Tensor weight;
    private final int axis;
    private final int bits;
    private final INDArray product;
    private final float[] values;
    private final double[] largest;

    private OutputSearch(Tensor weight, int bits, int axis, INDArray product) {
        this.weight = weight;
        this.axis = axis;
        this.bits = bits;
        this.product = product;
        values = weight.toFloats();
        largest = new double[weight.dim(axis)];
        for (int i = 0; i < values.length; i++) {
            largest[channel(i)] = Math.max(largest[channel(i)], Math.abs(values[i]));
        }
    }

    /**
     * @param weight  FLOAT matrix
     * @param axis    its output-channel axis
     * @param product X^T X, {@code [inputs, inputs]}
     */
    static Uniform choose(Tensor weight, int bits, int axis, INDArray product) {
        return new OutputSearch(weight, bits, axis, product).choose();
    }

    private Uniform choose() {
        var best = new double[largest.length];
        var chosen = new double[largest.length];
        Arrays.fill(best, Double.POSITIVE_INFINITY);
        Arrays.fill(chosen, 1);
        for (double alpha : COARSE) {
            tryOut(c -> alpha, best, chosen);
        }
        var coarse = chosen.clone();
        tryOut(c -> coarse[c] - FINE, best, chosen);
        tryOut(c -> Math.min(1, coarse[c] + FINE), best, chosen);
        return grid(c -> chosen[c]);
    }

    private Uniform grid(IntToDoubleFunction alpha) {
        var reach = new double[largest.length];
        Arrays.setAll(reach, c -> largest[c] * alpha.applyAsDouble(c));
        return Uniform.symmetric(bits, axis, reach);
    }

    private void tryOut(IntToDoubleFunction alpha, double[] best, double[] chosen) {
        var error = grid(alpha).fakeQuantize(weight).toFloats();
        for (int i = 0; i < error.length; i++) {
            error[i] -= values[i];
        }
        var d = Nd4j.createFromArray(error).reshape('c', weight.dim(0), weight.dim(1));
        var columns = axis == 1 ? d : d.transpose();
        var cost = product.mmul(columns).muli(columns).sum(0).toDoubleVector();
        for (int c = 0; c < cost.length; c++) {
            if (cost[c] < best[c]) {
                best[c] = cost[c];
                chosen[c] = alpha.applyAsDouble(c);
            }
        }
    }

    private int channel(int element) {
        return axis == 1 ? element % weight.dim(1) : element / weight.dim(1);
    }
}
