package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.runtime.Blas;
import dev.quantline.quantize.linear.InputGram.Product;
import dev.quantline.quantize.linear.LayerWeight;
import dev.quantline.quantize.quantizer.Uniform;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Chooses scales of a linear layer's weights by the error of its output (ours): d^T (X^T X) d for the error d of each output
 * channel, which accounts for errors on correlated inputs adding up or cancelling. The largest magnitude is shrunk by alpha in
 * {0.52, 0.56, .., 1}, then by 0.02 around the best, then to the least-squares fit of the codes found so far.
 */
final class OutputSearch {
    static {
        Blas.settle();
    }

    private static final double[] COARSE = {1, .96, .92, .88, .84, .8, .76, .72, .68, .64, .6, .56, .52};
    private static final double FINE = 0.02;
    private static final int REFITS = 3;

    private final LayerWeight weight;
    private final int bits;
    private final List<INDArray> products;
    private final float[] rows;
    private final double[] largest;

    private OutputSearch(LayerWeight weight, int bits, Product product) {
        this.weight = weight;
        this.bits = bits;
        products =
                IntStream.range(0, product.groups()).mapToObj(product::matrix).toList();
        rows = weight.rows(weight.tensor());
        largest = new double[weight.outputs()];
        for (int i = 0; i < rows.length; i++) {
            int output = i / weight.inputs();
            largest[output] = Math.max(largest[output], Math.abs(rows[i]));
        }
    }

    /** One scale per output channel. */
    static Uniform choose(LayerWeight weight, int bits, Product product) {
        return new OutputSearch(weight, bits, product).choose();
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
        for (int i = 0; i < REFITS; i++) {
            var fitted = fitted(chosen);
            tryOut(c -> fitted[c], best, chosen);
        }
        return grid(c -> chosen[c]);
    }

    /** For the codes q that the chosen scales give, the best scale of a channel is q^T H w / q^T H q times its current one. */
    private double[] fitted(double[] chosen) {
        var codes = weight.rows(grid(c -> chosen[c]).fakeQuantize(weight.tensor()));
        var fitted = new double[largest.length];
        int outputs = weight.outputs() / products.size();
        for (int g = 0; g < products.size(); g++) {
            var q = part(codes, g);
            var qh = q.mmul(products.get(g));
            var along = qh.mul(part(rows, g)).sum(1).toDoubleVector();
            var power = qh.muli(q).sum(1).toDoubleVector();
            for (int o = 0; o < outputs; o++) {
                int output = g * outputs + o;
                fitted[output] = power[o] > 0 && along[o] > 0
                        ? Math.min(1, chosen[output] * along[o] / power[o])
                        : chosen[output];
            }
        }
        return fitted;
    }

    /** The rows of one group. */
    private INDArray part(float[] values, int group) {
        int size = values.length / products.size();
        return Nd4j.createFromArray(Arrays.copyOfRange(values, group * size, (group + 1) * size))
                .reshape('c', size / weight.inputs(), weight.inputs());
    }

    private Uniform grid(IntToDoubleFunction alpha) {
        var reach = new double[largest.length];
        Arrays.setAll(reach, c -> largest[c] * alpha.applyAsDouble(c));
        return Uniform.symmetric(bits, weight.axis(), reach);
    }

    private void tryOut(IntToDoubleFunction alpha, double[] best, double[] chosen) {
        var error = weight.rows(grid(alpha).fakeQuantize(weight.tensor()));
        for (int i = 0; i < error.length; i++) {
            error[i] -= rows[i];
        }
        int outputs = weight.outputs() / products.size();
        for (int g = 0; g < products.size(); g++) {
            var d = part(error, g);
            var cost = d.mmul(products.get(g)).muli(d).sum(1).toDoubleVector();
            for (int o = 0; o < outputs; o++) {
                int output = g * outputs + o;
                if (cost[o] < best[output]) {
                    best[output] = cost[o];
                    chosen[output] = alpha.applyAsDouble(output);
                }
            }
        }
    }
}
