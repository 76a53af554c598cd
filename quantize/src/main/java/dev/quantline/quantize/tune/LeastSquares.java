package dev.quantline.quantize.tune;

import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Blas;
import dev.quantline.quantize.linear.InputGram.Product;
import dev.quantline.quantize.linear.LayerWeight;
import java.nio.DoubleBuffer;
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
    static LayerWeight of(LayerWeight weight, Product own, Product cross, double scarcity) {
        int d = own.inputs();
        int outputs = weight.outputs() / own.groups();
        var values = weight.tensor().toFloats();
        for (int group = 0; group < own.groups(); group++) {
            int from = group * d * d;
            try (var factor = Cholesky.of(
                            d,
                            (row, column) -> own.sums().get(from + row * d + column),
                            DAMPING + SCARCITY * scarcity);
                    var difference = difference(cross.sums(), own.sums(), from, d)) {
                for (int first = 0; first < outputs; first += STRIP) {
                    int channel = group * outputs + first;
                    var change = change(factor, difference, weight, channel, Math.min(STRIP, outputs - first));
                    for (int i = 0; i < change.length; i++) {
                        values[weight.at(channel + i / d, i % d)] += (float) change[i];
                    }
                }
            }
        }
        return weight.with(Tensor.of(values, weight.tensor().shape()));
    }

    /** C - H of one group, in the column-major order of BLAS; to be closed. */
    private static INDArray difference(DoubleBuffer cross, DoubleBuffer own, int from, int d) {
        var difference = Nd4j.createUninitialized(DataType.DOUBLE, new long[] {d, d}, 'f');
        var values = difference.data().asNioDouble();
        for (int column = 0; column < d; column++) {
            for (int row = 0; row < d; row++) {
                int at = from + row * d + column;
                values.put(column * d + row, cross.get(at) - own.get(at));
            }
        }
        return difference;
    }

    /** Solves {@code L L^T x = (C - H) w} for a few output channels: {@code [channels, d]}. */
    private static double[] change(
            Cholesky factor, INDArray difference, LayerWeight weight, int channel, int channels) {
        int d = difference.rows();
        var exact = weight.tensor().floats();
        var change = new double[d * channels];
        for (int i = 0; i < change.length; i++) {
            change[i] = exact.get(weight.at(channel + i / d, i % d));
        }
        try (var w = Nd4j.create(change, new long[] {d, channels}, 'f');
                var product =
                        difference.mmul(w, Nd4j.createUninitialized(DataType.DOUBLE, new long[] {d, channels}, 'f'))) {
            product.data().asNioDouble().get(0, change);
        }
        factor.solve(change);
        return change;
    }
}
