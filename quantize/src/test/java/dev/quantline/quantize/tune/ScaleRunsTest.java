package dev.quantline.quantize.tune;

import dev.quantline.quantize.quantizer.Uniform;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ScaleRunsTest {
    private static final long[] SHAPE = {6, 10, 3};

    private static int[] index(int axis, int block, int scales, long... shape) {
        var scale = new float[scales];
        Arrays.fill(scale, 1);
        return new Uniform(4, true, axis, block, scale, new int[scales], 0).scaleIndex(shape);
    }

    private static void assertEveryElementHasItsScale(int[] index, int scales) {
        var runs = ScaleRuns.of(index);
        var values = toFloats(IntStream.range(0, scales).toArray());
        var spread = new float[index.length];
        var sums = new double[scales];
        var row = new float[ScaleRuns.LONGEST];
        for (int run = 0; run < runs.count(); run++) {
            assertTrue(runs.size(run) <= ScaleRuns.LONGEST);
            runs.spread(run, values, row);
            System.arraycopy(row, 0, spread, runs.from(run), runs.size(run));
            runs.add(run, row, sums);
            for (int i = 0; i < runs.size(run); i++) {
                assertEquals(index[runs.from(run) + i], runs.scale(run, i));
            }
        }
        var exact = new double[scales];
        IntStream.of(index).forEach(c -> exact[c] += c);
        assertArrayEquals(toFloats(index), spread);
        assertArrayEquals(exact, sums);
    }

    private static float[] toFloats(int[] values) {
        var floats = new float[values.length];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = values[i];
        }
        return floats;
    }

    @Test
    void scalesOfAllTensorsOfEachAxisAndOfBlocks() {
        assertEveryElementHasItsScale(index(Uniform.PER_TENSOR, 0, 1, SHAPE), 1);
        assertEveryElementHasItsScale(index(0, 0, 6, SHAPE), 6);
        assertEveryElementHasItsScale(index(1, 0, 10, SHAPE), 10);
        assertEveryElementHasItsScale(index(2, 0, 3, SHAPE), 3);
        assertEveryElementHasItsScale(index(1, 0, 2, 6, 2), 2);
        assertEveryElementHasItsScale(index(1, 4, 6 * 3 * 3, SHAPE), 6 * 3 * 3);
        assertEveryElementHasItsScale(index(0, 0, 1, 1), 1);
    }

    @Test
    void longRunsAreCut() {
        int size = 2 * ScaleRuns.LONGEST + 5;
        assertEquals(3, ScaleRuns.of(index(Uniform.PER_TENSOR, 0, 1, size)).count());
        assertEveryElementHasItsScale(index(Uniform.PER_TENSOR, 0, 1, size), 1);
        assertEveryElementHasItsScale(index(1, 0, size, 2, size), size);
    }
}
