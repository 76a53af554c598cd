package dev.quantline.onnx.runtime;

import dev.quantline.fixture.Data;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

/** Which rows belong to which samples. */
class TargetsTest {
    @TempDir
    private Path folder;

    /** Two files of five and four samples; the target of a sample is its number. */
    private Dataset data() throws IOException {
        return Dataset.open(List.of(file(0, 5), file(5, 9)));
    }

    private Path file(int from, int to) throws IOException {
        return Data.write(
                folder.resolve(from + ".npz"),
                Map.of(
                        "x",
                        Tensor.zeros(DataType.FLOAT, to - from, 1),
                        "targets",
                        Tensor.of(LongStream.range(from, to).toArray(), to - from)));
    }

    private static void assertRows(Targets targets, int first, int size) {
        assertArrayEquals(
                LongStream.range(first, first + size).toArray(),
                targets.of(new Dataset.Batch(first, size, Map.of())).toLongs());
    }

    @Test
    void samplesThatFillNoBatchAreLeftOut() throws IOException {
        try (var data = data();
                var targets = data.targets("targets")) {
            assertRows(targets, 0, 2);
            assertRows(targets, 2, 2);
            assertRows(targets, 5, 2);
            assertRows(targets, 7, 2);
        }
    }

    @Test
    void thoseInTheMiddleAreFoundWithoutTheOnesBefore() throws IOException {
        try (var data = data();
                var targets = data.targets("targets")) {
            assertRows(targets, 3, 1);
            assertRows(targets, 6, 3);
        }
    }

    @Test
    void thereIsNoWayBackAndNothingBehindTheLast() throws IOException {
        try (var data = data();
                var targets = data.targets("targets")) {
            assertRows(targets, 5, 2);
            assertThrows(IllegalStateException.class, () -> assertRows(targets, 4, 1));
            assertThrows(BadInput.class, () -> assertRows(targets, 7, 3));
            assertThrows(BadInput.class, () -> assertRows(targets, 9, 1));
        }
    }
}
