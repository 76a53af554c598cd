package dev.quantline.onnx.runtime;

import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.factory.Nd4j;

import static org.junit.jupiter.api.Assertions.assertEquals;

class BlasTest {
    static {
        Blas.settle();
    }

    /** Sizes around the panel widths of factorizations. */
    @ParameterizedTest
    @ValueSource(ints = {8, 31, 33, 64, 100, 257})
    void aMatrixOfDoublesIsTheProductOfItsFactors(int n) {
        var random = new Random(n);
        var x = random.doubles((long) n * n, -1, 1).toArray();
        var h = new double[n * n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                for (int k = 0; k < n; k++) {
                    h[i * n + j] += x[i * n + k] * x[j * n + k];
                }
                h[i * n + j] += i == j ? 1 : 0;
            }
        }
        var factor = Nd4j.create(h.clone(), new long[] {n, n}, 'f');

        Nd4j.getBlasWrapper().lapack().potrf(factor, true);

        var l = factor.data().asDouble();
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                double product = 0;
                for (int k = 0; k <= j; k++) {
                    product += l[k * n + i] * l[k * n + j];
                }
                assertEquals(h[i * n + j], product, 1e-9 * n, "element " + i + ", " + j);
            }
        }
    }
}
