package dev.quantline.quantize.tune;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.BatchAxis;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ActivationsTest {
    @TempDir
    private Path folder;

    @Test
    void anyBatchComesBackInAnyOrder() {
        try (var spilled = new Activations(folder, Map.of())) {
            spilled.append("x", Tensor.of(new float[] {1, 2, 3, 4}, 2, 2), 2);
            spilled.append("x", Tensor.of(new float[] {5, 6}, 1, 2), 1);

            assertArrayEquals(
                    new float[] {5, 6, 1, 2},
                    spilled.batch("x", new int[] {2, 0}).toFloats());
            assertTrue(spilled.isUniform("x"));
        }
    }

    @Test
    void shorterSamplesAreFilledUpAndMarked() {
        try (var spilled = new Activations(folder, Map.of())) {
            spilled.append("x", Tensor.of(new float[] {1, 2, 3, 4}, 1, 2, 2), 1);
            spilled.append("x", Tensor.of(new float[] {5, 6}, 1, 1, 2), 1);

            var both = spilled.batch("x", new int[] {1, 0});
            var filled = spilled.filled("x", new int[] {1, 0});

            assertFalse(spilled.isUniform("x"));
            assertArrayEquals(new long[] {-1, -1, 2}, spilled.commonShape("x"));
            assertArrayEquals(new float[] {5, 6, 0, 0, 1, 2, 3, 4}, both.toFloats());
            assertArrayEquals(new long[] {2, 2, 1}, filled.shape());
            assertArrayEquals(new float[] {1, 0, 1, 1}, filled.toFloats());
        }
    }

    @Test
    void samplesThatDifferAlongSeveralAxesLieInTheCorner() {
        try (var spilled = new Activations(folder, Map.of())) {
            spilled.append("x", Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 1, 3, 1, 2), 1);
            spilled.append("x", Tensor.of(new float[] {7, 8, 9, 10, 11, 12, 13, 14}, 1, 2, 2, 2), 1);

            assertArrayEquals(
                    new float[] {1, 2, 0, 0, 3, 4, 0, 0, 5, 6, 0, 0, 7, 8, 9, 10, 11, 12, 13, 14, 0, 0, 0, 0},
                    spilled.batch("x", new int[] {0, 1}).toFloats());
            assertArrayEquals(
                    new float[] {1, 0, 1, 0, 1, 0, 1, 1, 1, 1, 0, 0},
                    spilled.filled("x", new int[] {0, 1}).toFloats());
            assertEquals(2, spilled.size());
        }
    }

    @Test
    void axesThatAlwaysHaveTheSameSizeGetTheSameNumber() {
        try (var spilled = new Activations(folder, Map.of())) {
            for (int length : new int[] {2, 3}) {
                spilled.append("hidden", Tensor.of(new float[5 * length], 1, length, 5), 1);
                spilled.append("scores", Tensor.of(new float[2 * length * length], 1, 2, length, length), 1);
                spilled.append("other", Tensor.of(new float[7 - length], 1, 7 - length), 1);
            }
            var lengths = new HashMap<List<Long>, Long>();

            assertArrayEquals(new long[] {-1, -2, 5}, spilled.sizes("hidden", lengths, -1));
            assertArrayEquals(new long[] {-1, 2, -2, -2}, spilled.sizes("scores", lengths, -1));
            assertArrayEquals(new long[] {-1, -3}, spilled.sizes("other", lengths, -1));
        }
    }

    @Test
    void powerIsTheMeanOverTheSamplesAsked() {
        try (var spilled = new Activations(folder, Map.of())) {
            spilled.append("x", Tensor.of(new float[] {9, 9, 1, -2, -3, 4}, 3, 2), 3);

            assertEquals(2.5, spilled.power("x", 1, 3, 1), 1e-12);
            assertEquals(7.5, spilled.power("x", 1, 3, 2), 1e-12);
        }
    }

    @Test
    void nothingIsLeftBehind() throws Exception {
        try (var spilled = new Activations(folder, Map.of())) {
            spilled.append("x", Tensor.of(new float[1000], 10, 100), 10);
        }

        try (var files = Files.list(folder)) {
            assertEquals(0, files.count());
        }
    }

    @Test
    void theFirstAxisMustBeTheSamples() {
        try (var spilled = new Activations(folder, Map.of())) {
            var refused =
                    assertThrows(BadInput.class, () -> spilled.append("windows", Tensor.of(new float[8], 8, 1), 2));

            assertTrue(refused.getMessage().contains("windows"));
        }
    }

    @Test
    void samplesComeBackAlongTheirAxisAndConstantsAsTheyAre() {
        var axes = Map.of("t", new BatchAxis(1), "scale", BatchAxis.NONE);
        try (var spilled = new Activations(folder, axes)) {
            // Given: [time, samples, channels], with the second sample shorter in time
            spilled.append("t", Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 3, 1, 2), 1);
            spilled.append("t", Tensor.of(new float[] {7, 8, 9, 10}, 2, 1, 2), 1);
            spilled.append("scale", Tensor.scalar(5), 2);
            spilled.append("scale", Tensor.scalar(5), 2);

            // Then
            assertEquals(
                    Tensor.of(new float[] {7, 8, 1, 2, 9, 10, 3, 4, 0, 0, 5, 6}, 3, 2, 2),
                    spilled.batch("t", new int[] {1, 0}));
            assertEquals(Tensor.of(new float[] {1, 1, 1, 1, 0, 1}, 3, 2, 1), spilled.filled("t", new int[] {1, 0}));
            assertArrayEquals(new long[] {-1, -1, 1}, spilled.maskShape("t"));
            assertArrayEquals(new long[] {-2, 4, 2}, spilled.sizes("t", new HashMap<>(), 4));
            assertEquals(Tensor.scalar(5), spilled.batch("scale", new int[] {1, 0}));
            assertArrayEquals(new long[0], spilled.sizes("scale", new HashMap<>(), 4));
            assertEquals(2, spilled.size());
        }
    }
}
