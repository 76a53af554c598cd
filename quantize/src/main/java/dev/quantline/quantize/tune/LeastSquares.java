package dev.quantline.quantize.tune;

import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Blas;
import dev.quantline.quantize.linear.InputGram.Product;
import dev.quantline.quantize.linear.LayerWeight;
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
    /** Output channels solved for at once, so that a wide layer needs no more memory than its products. */
    private static final int STRIP = 1024;

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
            int from = group * d * d;
            var factor = Cholesky.factor(
                    d, (row, column) -> own.sums()[from + row * d + column], DAMPING + SCARCITY * scarcity);
            try (var difference = difference(cross, own.sums(), from, d)) {
                for (int first = 0; first < outputs; first += STRIP) {
                    int strip = Math.min(STRIP, outputs - first);
                    int channel = group * outputs + first;
                    var change = change(factor, difference, weight, channel, strip);
                    for (int i = 0; i < change.length; i++) {
                        values[weight.at(channel + i / d, i % d)] += (float) change[i];
                    }
                }
            }
        }
        return weight.with(Tensor.of(values, weight.tensor().shape()));
    }

    /** C - H of one group, in the column-major order of BLAS; to be closed. */
    private static INDArray difference(double[] cross, double[] own, int from, int d) {
        var difference = Nd4j.createUninitialized(DataType.DOUBLE, new long[] {d, d}, 'f');
        var values = difference.data().asNioDouble();
        for (int column = 0; column < d; column++) {
            for (int row = 0; row < d; row++) {
                int at = from + row * d + column;
                values.put(column * d + row, cross[at] - own[at]);
            }
        }
        return difference;
    }

    /** Solves {@code L L^T x = (C - H) w} for a few output channels, one after the other in the result. */
    private static double[] change(
            double[] factor, INDArray difference, LayerWeight weight, int channel, int channels) {
        int d = difference.rows();
        var exact = weight.tensor().floats();
        var columns = new double[d * channels];
        for (int i = 0; i < columns.length; i++) {
            columns[i] = exact.get(weight.at(channel + i / d, i % d));
        }
        try (var w = Nd4j.create(columns, new long[] {d, channels}, 'f');
                var product =
                        difference.mmul(w, Nd4j.createUninitialized(DataType.DOUBLE, new long[] {d, channels}, 'f'))) {
            product.data().asNioDouble().get(0, columns);
        }
        IntStream.range(0, channels).parallel().forEach(column -> substitute(factor, columns, column * d, d));
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
}
