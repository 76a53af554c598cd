package dev.quantline.onnx.runtime;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

class SpillTest {
    private static final Tensor FIRST = Tensor.of(new float[] {1, 2}, 2, 1);
    private static final Tensor SECOND = Tensor.of(new float[] {3, 4, 5}, 3);

    @TempDir
    private Path folder;

    private long files() throws IOException {
        try (var files = Files.list(folder)) {
            return files.count();
        }
    }

    @Test
    void whatFitsStaysInMemoryAndTheRestComesBackFromAFile() throws IOException {
        // Given room for the first of two tensors
        try (var spill = new Spill(new Spilling(folder, 8))) {
            // When
            var first = spill.keep(FIRST);
            var second = spill.keep(SECOND);

            // Then
            assertSame(FIRST, first.tensor());
            assertNotSame(SECOND, second.tensor());
            assertEquals(SECOND, second.tensor());
        }
        assertEquals(0, files(), "nothing is left behind");
    }

    @Test
    void partsAreReadFromEither() {
        for (long memory : List.of(0L, 1000L)) {
            try (var spill = new Spill(new Spilling(folder, memory))) {
                spill.keep(FIRST);
                var last = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);

                spill.keep(SECOND).read(4, last);

                assertArrayEquals(new float[] {4, 5}, new float[] {last.getFloat(0), last.getFloat(4)});
            }
        }
    }

    @Test
    void batchesKeepTheirTensorsByName() {
        try (var batches = new TensorBatches(new Spilling(folder, 8))) {
            batches.add(Map.of("x", FIRST));
            batches.add(Map.of("x", SECOND));
            batches.put(0, "y", SECOND);

            assertEquals(Map.of("x", FIRST, "y", SECOND), batches.get(0));
            assertEquals(Map.of("x", SECOND), batches.get(1, List.of("x", "y")));
            assertEquals(List.of(FIRST, SECOND), batches.all("x").toList());
            assertNull(batches.get(1, "y"));
        }
    }

    @Test
    void aFolderThatIsNotThereAndLessThanNothingAreRefused() {
        try (var spill = new Spill(Spilling.all(folder.resolve("missing")))) {
            assertThrows(UncheckedIOException.class, () -> spill.keep(FIRST));
        }
        assertThrows(BadInput.class, () -> new Spilling(folder, -1));
    }
}
