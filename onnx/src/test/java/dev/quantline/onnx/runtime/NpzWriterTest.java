package dev.quantline.onnx.runtime;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class NpzWriterTest {
    @TempDir
    Path folder;

    @Test
    void rowsGivenInPiecesAreWhatIsReadBack() throws IOException {
        var file = folder.resolve("sub/data.npz");
        write(file);

        try (var arrays = NpzArrays.open(file)) {
            assertEquals(
                    List.of("image", "labels"),
                    arrays.list().stream().map(NpzArrays.Header::name).toList());
            assertArrayEquals(new long[] {3, 2, 2}, arrays.list().getFirst().shape());
            assertEquals(DataType.UINT8, arrays.list().getFirst().type());
            assertArrayEquals(
                    new float[] {1, 2, 3, 4, 5, 6, 7, 255, 9, 10, 11, 12},
                    arrays.first("image", 9).toFloats());
            assertArrayEquals(new long[] {7, 8}, arrays.first("labels", 2).toLongs());
        }
        try (var data = Dataset.open(List.of(file))) {
            assertEquals(3, data.size());
            assertArrayEquals(new float[] {7, 8, 9}, data.target("labels"));
        }
    }

    @Test
    void theSameRowsGiveTheSameBytes() throws IOException, InterruptedException {
        write(folder.resolve("a.npz"));
        Thread.sleep(5);
        write(folder.resolve("b.npz"));

        assertArrayEquals(Files.readAllBytes(folder.resolve("a.npz")), Files.readAllBytes(folder.resolve("b.npz")));
    }

    @Test
    void whatIsNotFinishedLeavesNothing() throws IOException {
        var file = Files.writeString(folder.resolve("old.npz"), "kept");
        try (var writer = new NpzWriter(file)) {
            writer.add("x", Tensor.of(new float[4], 2, 2));
            assertThrows(IllegalArgumentException.class, () -> writer.add("x", Tensor.of(new float[6], 2, 3)));
            assertThrows(IllegalArgumentException.class, () -> writer.add("x", Tensor.of(new long[4], 2, 2)));
        }

        assertEquals("kept", Files.readString(file));
        try (var files = Files.list(folder)) {
            assertEquals(List.of(file), files.toList());
        }
    }

    @Test
    void piecesOfALargeArrayAreAllOfIt() throws IOException {
        var file = folder.resolve("large.npz");
        int width = 1 << 18;
        try (var writer = new NpzWriter(file)) {
            for (int i = 0; i < 30; i++) {
                var row = new float[width];
                row[0] = i;
                writer.add("x", Tensor.of(row, 1, width));
            }
            writer.finish();
        }

        var seen = new ArrayList<Double>();
        int[] pieces = {0};
        try (var arrays = NpzArrays.open(file)) {
            arrays.forEachPiece("x", piece -> {
                pieces[0]++;
                for (int i = 0; i < piece.dim(0); i++) {
                    seen.add(piece.get(i * width));
                }
            });
        }
        assertEquals(30, seen.size());
        assertEquals(29., seen.getLast());
        assertTrue(pieces[0] > 5, "4 MB at a time");
    }

    private static void write(Path file) throws IOException {
        try (var writer = new NpzWriter(file)) {
            writer.add("image", Tensor.of(DataType.UINT8, new byte[] {1, 2, 3, 4}, 1, 2, 2));
            writer.add("labels", Tensor.vector(7L));
            writer.add("image", Tensor.of(DataType.UINT8, new byte[] {5, 6, 7, -1, 9, 10, 11, 12}, 2, 2, 2));
            writer.add("labels", Tensor.vector(8L, 9L));
            writer.finish();
        }
    }
}
