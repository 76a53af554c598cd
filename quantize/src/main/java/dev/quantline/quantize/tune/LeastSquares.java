package dev.quantline.quantize.tune;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Blas;
import dev.quantline.quantize.linear.InputGram.Product;
import dev.quantline.quantize.linear.LayerWeight;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

import static org.nd4j.linalg.api.buffer.DataType.DOUBLE;

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
final class LeastSquares implements AutoCloseable {
    static {
        Blas.settle();
    }

    /** lambda: the pull towards the original weight, however many rows there are; SCARCITY adds to it if rows are few. */
    private static final double DAMPING = 0.1;

    private static final double SCARCITY = 5;
    /** Output channels solved for at once, so that a wide layer needs no more memory than its products. */
    private static final int STRIP = 1024;

    private final int groups;
    private final int d;
    private final INDArray difference;
    private final List<Cholesky> factors = new ArrayList<>();

    /**
     * For layers that read the same rows.
     *
     * @param own      Y^T Y
     * @param cross    Y^T X {@code [groups d, d]}, which becomes Y^T X - Y^T Y
     * @param scarcity inputs of the layers divided by the rows seen: a fit to few rows is chance
     */
    LeastSquares(Product own, INDArray cross, double scarcity) {
        groups = own.groups();
        d = own.inputs();
        difference = cross;
        var sums = own.sums();
        var values = cross.data().asNioDouble();
        for (int i = 0; i < sums.limit(); i++) {
            values.put(i, values.get(i) - sums.get(i));
        }
        for (int group = 0; group < groups; group++) {
            int from = group * d * d;
            factors.add(
                    Cholesky.of(d, (row, column) -> sums.get(from + row * d + column), DAMPING + SCARCITY * scarcity));
        }
    }

    /** The weight for one of the layers. */
    LayerWeight of(LayerWeight weight) {
        var fitted = Tensor.zeros(DataType.FLOAT, weight.tensor().shape());
        int outputs = weight.outputs() / groups;
        for (int group = 0; group < groups; group++) {
            for (int first = 0; first < outputs; first += STRIP) {
                fit(weight, group, group * outputs + first, Math.min(STRIP, outputs - first), fitted.floats());
            }
        }
        weight.tensor().unload();
        return weight.with(fitted);
    }

    /** Adds to a few output channels the solution of {@code L L^T x = (C - H) w}. */
    private void fit(LayerWeight weight, int group, int channel, int channels, FloatBuffer fitted) {
        var exact = weight.tensor().floats();
        var change = new double[d * channels];
        for (int i = 0; i < change.length; i++) {
            change[i] = exact.get(weight.at(channel + i / d, i % d));
        }
        var rows = difference.get(NDArrayIndex.interval((long) group * d, (group + 1L) * d), NDArrayIndex.all());
        var shape = new long[] {d, channels};
        try (var w = Nd4j.create(change, shape, 'f');
                var product = rows.mmul(w, Nd4j.createUninitialized(DOUBLE, shape, 'f'))) {
            product.data().asNioDouble().get(0, change);
        }
        factors.get(group).solve(change);
        for (int i = 0; i < change.length; i++) {
            int at = weight.at(channel + i / d, i % d);
            fitted.put(at, exact.get(at) + (float) change[i]);
        }
    }

    @Override
    public void close() {
        factors.forEach(Cholesky::close);
    }
}
