package dev.quantline.quantize.allocate;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.quantizer.Uniform;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Row scales of an embedding table, and their size in a file. */
class RowScalesTest {
    private static final int ROWS = 40;
    private static final int COLUMNS = 12;
    private static final long SEED = 17;

    /** Rows of very different sizes, one of them zero, and one whose extreme is negative. */
    private static float[] values(double size) {
        var random = new Random(SEED);
        var values = new float[ROWS * COLUMNS];
        for (int i = 0; i < values.length; i++) {
            values[i] = i / COLUMNS == 5 ? 0 : (float) (size * Math.exp(i / COLUMNS % 7 - 3) * random.nextGaussian());
        }
        values[9 * COLUMNS] = (float) (-40 * size);
        return values;
    }

    private static double error(float[] row, double s, int bits) {
        double qmax = (1 << bits - 1) - 1;
        double error = 0;
        for (float x : row) {
            error += Math.pow(x - s * Math.clamp(Math.rint(x / s), -qmax - 1, qmax), 2);
        }
        return error;
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4, 7})
    void everyRowHasTheScaleOfItsLeastSquaredError(int bits) {
        // Given
        var values = values(1);
        int qmax = (1 << bits - 1) - 1;

        // When
        var scales = RowScales.of(Tensor.of(values, ROWS, COLUMNS), bits);

        // Then: as good as the best of all shrunk ranges, up to rounding to half precision
        assertEquals(ROWS, scales.scale().length);
        assertEquals(0, scales.axis());
        assertEquals(bits, scales.bits());
        assertTrue(scales.signed());
        boolean anyShrunk = false;
        for (int row = 0; row < ROWS; row++) {
            var part = Arrays.copyOfRange(values, row * COLUMNS, (row + 1) * COLUMNS);
            double max = 0;
            for (float x : part) {
                max = Math.max(max, Math.abs(x));
            }
            if (max == 0) {
                assertEquals(1, scales.scale()[row]);
                continue;
            }
            double least = Double.POSITIVE_INFINITY;
            for (int step = 25; step <= 50; step++) {
                least = Math.min(least, error(part, max * step / 50 / qmax, bits));
            }
            assertEquals(
                    least,
                    error(part, scales.scale()[row], bits),
                    5e-2 * least + 1e-12,
                    "row " + row + ", seed " + SEED);
            anyShrunk |= scales.scale()[row] < .99 * max / qmax;
            assertTrue(scales.scale()[row] * qmax <= max * 1.002, "a range reaches farther than its row");
        }
        assertTrue(anyShrunk || bits == 7, "at few bits some row is worth clipping");
    }

    @Test
    void noRowKnowsOfAnother() {
        var values = values(1);
        var together = RowScales.of(Tensor.of(values, ROWS, COLUMNS), 4).scale();

        for (int row = 0; row < ROWS; row++) {
            var alone = Tensor.of(Arrays.copyOfRange(values, row * COLUMNS, (row + 1) * COLUMNS), 1, COLUMNS);
            assertEquals(RowScales.of(alone, 4).scale()[0], together[row], "row " + row);
        }
    }

    @Test
    void scalesAreHalvesWhereThoseHoldThemAllAndFloatsElsewhere() {
        var halves = RowScales.of(Tensor.of(values(1), ROWS, COLUMNS), 4);
        var tiny = RowScales.of(Tensor.of(values(1e-7), ROWS, COLUMNS), 4);

        assertTrue(halves.hasHalfScales());
        assertFalse(tiny.hasHalfScales());
        // Numbers smaller by a power of two have scales smaller by that power.
        var shrunk = RowScales.of(Tensor.of(values(Math.scalb(1.0, -30)), ROWS, COLUMNS), 4)
                .scale();
        for (int row = 0; row < ROWS; row++) {
            double expected = row == 5 ? 1 : Math.scalb(halves.scale()[row], -30);
            assertEquals(expected, shrunk[row], 1e-3 * expected, "row " + row);
        }
        var large = new Uniform(4, true, 0, new float[] {1e6f, 1}, new int[2]);
        assertFalse(large.hasHalfScales(), "infinite in half precision");
    }

    @Test
    void codesAreCountedAsTheyAreStored() {
        // 21 weights in 3 rows: scales take 2 bytes if half precision holds them, otherwise 4; zero points are as wide
        // as codes
        assertEquals(11 + 3 * 2 + 2, bytes(2, .5f));
        assertEquals(11 + 3 * 2 + 2, bytes(4, .5f));
        assertEquals(11 + 3 * 4 + 2, bytes(4, .1f));
        assertEquals(21 + 3 * 2 + 3, bytes(5, .5f));
        assertEquals(21 + 3 * 4 + 3, bytes(8, .1f));
        assertEquals(42 + 3 * 4 + 6, bytes(9, .1f));
        assertEquals(42 + 3 * 2 + 6, bytes(16, .5f));
    }

    private static long bytes(int bits, float scale) {
        return Storage.bytes(
                Tensor.zeros(DataType.FLOAT, 3, 7), new Uniform(bits, true, 0, new float[] {scale, 1, 1}, new int[3]));
    }

    @Test
    void theCodesOfAnExactRowAreExact() {
        var row = new float[] {-.75f, .25f, .5f, 1.75f, 0, 1.25f};

        var scales = RowScales.of(Tensor.of(row, 1, 6), 4);

        assertEquals(.25f, scales.scale()[0]);
        assertArrayEquals(row, scales.fakeQuantize(Tensor.of(row, 1, 6)).toFloats());
    }

    /** A thousand numbers that fit in half the range, or even in three tenths, outweigh the one that is cut off. */
    @Test
    void aRangeShrinksToAHalfAtTheMost() {
        for (float most : new float[] {.5f, .3f}) {
            var row = new float[1001];
            Arrays.fill(row, most);
            row[0] = 1;

            var scales = RowScales.of(Tensor.of(row, 1, row.length), 2);

            assertEquals(.5f, scales.scale()[0]);
        }
    }
}
