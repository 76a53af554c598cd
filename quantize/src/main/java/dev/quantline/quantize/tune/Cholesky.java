package dev.quantline.quantize.tune;

import dev.quantline.onnx.runtime.Blas;
import java.util.stream.IntStream;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.factory.Nd4j;

/** The Cholesky factor of damped sums of products, with one copy of the matrix at a time outside the heap. */
final class Cholesky {
    static {
        Blas.settle();
    }

    /** Keeps the matrix of an input that is always 0 positive definite. */
    private static final double LEAST = 1e-30;

    private Cholesky() {}

    /** An element of a symmetric matrix. */
    interface Elements {
        double at(int row, int column);
    }

    /**
     * Factorizes {@code H + (lambda mean(diag H)) I = L L^T}.
     *
     * @param d      rows and columns of H
     * @param h      only the lower triangle and the diagonal are read
     * @param lambda damping
     * @return L {@code [d, d]} by columns; what stands above its diagonal means nothing
     */
    static double[] factor(int d, Elements h, double lambda) {
        double mean = IntStream.range(0, d).mapToDouble(i -> h.at(i, i)).sum() / d;
        double damping = lambda * mean + LEAST;
        try (var matrix = Nd4j.createUninitialized(DataType.DOUBLE, new long[] {d, d}, 'f')) {
            var values = matrix.data().asNioDouble();
            for (int column = 0; column < d; column++) {
                for (int row = column; row < d; row++) {
                    values.put(column * d + row, h.at(row, column) + (row == column ? damping : 0));
                }
            }
            Nd4j.getBlasWrapper().lapack().potrf(matrix, true);
            var factor = new double[d * d];
            values.get(0, factor);
            return factor;
        }
    }
}
