package dev.quantline.onnx.runtime;

import dev.quantline.onnx.Tensor;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

class BatchAxisTest {
    /** {@code [2 samples, 3, 1, 2]} with consecutive numbers. */
    private static final Tensor SAMPLES = Tensor.of(new float[] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 2, 3, 1, 2);

    @Test
    void samplesGoWhereTheInputHasThem() {
        var placed = new BatchAxis(1).place(SAMPLES);

        assertArrayEquals(new long[] {3, 2, 1, 2}, placed.shape());
        assertArrayEquals(new float[] {0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11}, placed.toFloats());
    }

    @Test
    void andComeBackFromEveryAxis() {
        for (int axis = 0; axis < 4; axis++) {
            var placed = new BatchAxis(axis).place(SAMPLES);

            assertEquals(2, placed.dim(axis));
            assertArrayEquals(new BatchAxis(axis).place(SAMPLES.shape()), placed.shape());
            assertEquals(SAMPLES, new BatchAxis(axis).toFront(placed));
        }
    }

    @Test
    void whatIsTheSameForAllStaysAsItIs() {
        assertSame(SAMPLES, BatchAxis.NONE.toFront(SAMPLES));
    }
}
