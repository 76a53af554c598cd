package dev.quantline.quantize.tune;

import dev.quantline.onnx.runtime.Blas;
import java.nio.DoubleBuffer;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The Cholesky factor of damped sums of products: {@code H + (lambda mean(diag H)) I = L L^T}. Outside the heap until it is closed. */
final class Cholesky implements AutoCloseable {
    static {
        Blas.settle();
    }

    /** Keeps the matrix of an input that is always 0 positive definite. */
    private static final double LEAST = 1e-30;
    /** Right sides that are solved with one pass over the factor, which is much larger than a processor's cache. */
    private static final int TOGETHER = 16;

    private final int d;
    private final INDArray matrix;
    private final DoubleBuffer columns;

    private Cholesky(int d) {
        this.d = d;
        matrix = Nd4j.createUninitialized(DataType.DOUBLE, new long[] {d, d}, 'f');
        columns = matrix.data().asNioDouble();
    }

    /** An element of a symmetric matrix. */
    interface Elements {
        double at(int row, int column);
    }

    /**
     * Factorizes.
     *
     * @param d      rows and columns of H
     * @param h      only the lower triangle and the diagonal are read
     * @param lambda damping
     */
    static Cholesky of(int d, Elements h, double lambda) {
        var factor = new Cholesky(d);
        double mean = IntStream.range(0, d).mapToDouble(i -> h.at(i, i)).sum() / d;
        for (int column = 0; column < d; column++) {
            for (int row = column; row < d; row++) {
                factor.columns.put(column * d + row, h.at(row, column) + (row == column ? lambda * mean + LEAST : 0));
            }
        }
        Nd4j.getBlasWrapper().lapack().potrf(factor.matrix, true);
        return factor;
    }

    /** An element of L; the row must not be above the diagonal. */
    double at(int row, int column) {
        return columns.get(column * d + row);
    }

    /**
     * Overwrites right sides with the x that solve {@code L L^T x = b}.
     *
     * @param b {@code [sides, d]}
     */
    void solve(double[] b) {
        int sides = b.length / d;
        IntStream.range(0, Math.ceilDiv(sides, TOGETHER))
                .parallel()
                .forEach(some -> solve(b, some * TOGETHER, Math.min(sides, (some + 1) * TOGETHER)));
    }

    private void solve(double[] b, int from, int to) {
        var column = new double[d];
        for (int k = 0; k < d; k++) {
            columns.get(k * d + k, column, k, d - k);
            for (int at = from * d; at < to * d; at += d) {
                double x = b[at + k] / column[k];
                b[at + k] = x;
                for (int i = k + 1; i < d; i++) {
                    b[at + i] -= x * column[i];
                }
            }
        }
        for (int k = d - 1; k >= 0; k--) {
            columns.get(k * d + k, column, k, d - k);
            for (int at = from * d; at < to * d; at += d) {
                double sum = b[at + k];
                for (int i = k + 1; i < d; i++) {
                    sum -= column[i] * b[at + i];
                }
                b[at + k] = sum / column[k];
            }
        }
    }

    @Override
    public void close() {
        matrix.close();
    }
}
