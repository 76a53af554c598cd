package dev.quantline.quantize.tune;

import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Blas;
import dev.quantline.quantize.linear.InputGram.Product;
import dev.quantline.quantize.linear.LayerWeight;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The float weight that best reproduces a layer's float outputs from the outputs of the preceding quantized layers, with X the
 * input of the float layer and Y that of the quantized layer:
 *
 * <pre>
 *   argmin_V |Y V - X W|^2 + lambda mean(diag Y^T Y) |V - W|^2 = W + (Y^T Y + lambda mean(diag) I)^-1 (Y^T X - Y^T Y) W
 * </pre>
 *
 * The aim is that of asymmetric calibration (GPTAQ, arXiv 2504.02692); solving for it before any rounding is ours.
 */
final class LeastSquares {
    static {
        Blas.settle();
    }

    /** lambda: the pull towards the original weight, however many rows there are; SCARCITY adds to it if rows are few. */
    private static final double DAMPING = 0.1;

    private static final double SCARCITY = 5;

    private LeastSquares() {}

    /**
     * @param own      Y^T Y
     * @param cross    Y^T X, laid out as {@code own}
     * @param scarcity inputs of the layer divided by the rows seen: a fit to few rows is chance
     */
    static LayerWeight of(LayerWeight weight, Product own, double[] cross, double scarcity) {
        int d = own.inputs();
        int outputs = weight.outputs() / own.groups();
        var values = weight.tensor().toFloats();
        for (int group = 0; group < own.groups(); group++) {
            var exact = new double[d * outputs];
            for (int i = 0; i < exact.length; i++) {
                exact[i] = values[weight.at(group * outputs + i / d, i % d)];
            }
            var change = solve(
                    matrix(own.sums(), group, d),
                    matrix(cross, group, d),
                    Nd4j.create(exact, new long[] {d, outputs}, 'f'),
                    DAMPING + SCARCITY * scarcity);
            for (int i = 0; i < exact.length; i++) {
                values[weight.at(group * outputs + i / d, i % d)] += (float) change[i];
            }
        }
        return weight.with(Tensor.of(values, weight.tensor().shape()));
    }

    /** Solves {@code (H + lambda mean(diag) I)^-1 (C - H) W} column by column; H is overwritten. */
    private static double[] solve(INDArray h, INDArray c, INDArray w, double damping) {
        var change = c.sub(h).mmul(w).dup('f');
        double mean = Nd4j.diag(h).meanNumber().doubleValue();
        h.addi(Nd4j.eye(h.rows()).castTo(DataType.DOUBLE).muli(damping * mean + 1e-30));
        Nd4j.getBlasWrapper().lapack().potrf(h, true);
        var factor = h.data().asDouble();
        var columns = change.data().asDouble();
        int d = h.rows();
        IntStream.range(0, columns.length / d).parallel().forEach(column -> substitute(factor, columns, column * d, d));
        return columns;
    }

    /** Overwrites b with the x that solves L L^T x = b; L is stored by columns. */
    private static void substitute(double[] factor, double[] b, int from, int d) {
        for (int k = 0; k < d; k++) {
            double x = b[from + k] / factor[k * d + k];
            b[from + k] = x;
            for (int i = k + 1; i < d; i++) {
                b[from + i] -= x * factor[k * d + i];
            }
        }
        for (int k = d - 1; k >= 0; k--) {
            double sum = b[from + k];
            for (int i = k + 1; i < d; i++) {
                sum -= factor[k * d + i] * b[from + i];
            }
            b[from + k] = sum / factor[k * d + k];
        }
    }

    /** {@code [d, d]} of one group, in the column-major order of LAPACK. */
    private static INDArray matrix(double[] sums, int group, int d) {
        return Nd4j.create(Arrays.copyOfRange(sums, group * d * d, (group + 1) * d * d), new long[] {d, d}, 'c')
                .dup('f');
    }
}
