package dev.quantline.onnx.runtime;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Limit;
import dev.quantline.onnx.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class DatasetTest {
    @TempDir
    private Path folder;

    private Path write(String name, Map<String, Tensor> arrays) throws IOException {
        Npz.write(folder.resolve(name), arrays);
        return folder.resolve(name);
    }

    private static Tensor counting(int from, int rows, int columns) {
        var values = new long[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = from + i / columns;
        }
        return Tensor.of(values, rows, columns);
    }

    private String refusal(Path... files) {
        return assertThrows(BadInput.class, () -> Dataset.open(List.of(files)).close())
                .getMessage();
    }

    @Test
    void theSamplesOfAllFilesTogetherAreLimited() throws IOException {
        var files = List.of(
                write("a.npz", Map.of("ids", counting(0, 3, 1))), write("b.npz", Map.of("ids", counting(3, 4, 1))));
        System.setProperty(Limit.SAMPLES.property(), "6");

        try {
            assertEquals(
                    "b.npz brings the data set to 7 samples: the limit is 6 (quantline.limit.samples)",
                    refusal(files.toArray(Path[]::new)));
        } finally {
            System.clearProperty(Limit.SAMPLES.property());
        }
    }

    @Test
    void filesOfDifferentLengthsAreOneSetAndNoBatchSpansTwo() throws IOException {
        // Given: 3 samples of length 4, 4 samples of length 2
        var files = List.of(
                write("long.npz", Map.of("ids", counting(0, 3, 4))),
                write("short.npz", Map.of("ids", counting(3, 4, 2))));
        var firsts = new ArrayList<Integer>();
        var seen = new ArrayList<Long>();
        var widths = new ArrayList<Integer>();

        // When
        try (var data = Dataset.open(files)) {
            data.forEachBatch(1, 7, 2, batch -> {
                firsts.add(batch.first());
                widths.add(batch.arrays().get("ids").dim(1));
                for (int i = 0; i < batch.size(); i++) {
                    seen.add(batch.arrays().get("ids").rows(i, i + 1).toLongs()[0]);
                }
            });

            // Then
            assertEquals(7, data.size());
            assertEquals(List.of(1, 3, 5), firsts);
            assertEquals(List.of(4, 2, 2), widths);
            assertEquals(List.of(1L, 2L, 3L, 4L, 5L, 6L), seen);
        }
    }

    @Test
    void targetsAreReadFromAllFilesAndAreNoInputs() throws IOException {
        var files = List.of(
                write("a.npz", Map.of("x", counting(0, 2, 1), "labels", Tensor.vector(7L, 8L))),
                write("b.npz", Map.of("x", counting(0, 1, 1), "labels", Tensor.vector(9L))));

        try (var data = Dataset.open(files)) {
            assertArrayEquals(new float[] {7, 8, 9}, data.target("labels"));
            assertEquals(Set.of("x"), data.names());
            assertTrue(assertThrows(BadInput.class, () -> data.target("scores"))
                    .getMessage()
                    .contains("'scores'"));
            assertTrue(assertThrows(BadInput.class, () -> data.target("label"))
                    .getMessage()
                    .endsWith("did you mean 'labels'?"));
        }
    }

    @Test
    void arraysMustHaveOneLengthAndAtLeastOneSample() throws IOException {
        assertTrue(refusal(write("a.npz", Map.of("x", counting(0, 2, 1), "y", counting(0, 3, 1))))
                .contains("samples"));
        assertTrue(refusal(write("b.npz", Map.of("x", counting(0, 0, 4)))).contains("no samples"));
        assertTrue(refusal(write("c.npz", Map.of("labels", Tensor.vector(1L)))).contains("no input arrays"));
        assertTrue(refusal(write("d.npz", Map.of("x", Tensor.scalar(3)))).contains("no samples"));
        assertTrue(refusal().contains("no files"));
    }

    @Test
    void targetsMustFitTheSamples() throws IOException {
        var shapes = new LinkedHashMap<Tensor, Boolean>();
        shapes.put(Tensor.vector(1L, 2L, 3L, 4L), true);
        shapes.put(Tensor.of(new long[] {1, 2, 3, 4}, 4, 1), true);
        shapes.put(Tensor.vector(1L, 2L, 3L), false);
        shapes.put(Tensor.of(new long[8], 4, 2), false);
        shapes.put(Tensor.of(new long[1]), false);
        for (var labels : shapes.entrySet()) {
            var file = write("labels.npz", Map.of("x", counting(0, 4, 1), "labels", labels.getKey()));
            if (labels.getValue()) {
                Dataset.open(List.of(file)).close();
            } else {
                assertTrue(refusal(file).contains("'labels'"), labels.getKey().toString());
            }
        }
        Dataset.open(List.of(write("pairs.npz", Map.of("x", counting(0, 4, 1), "scores", Tensor.vector(1f, 2f)))))
                .close();
        assertTrue(refusal(write("odd.npz", Map.of("x", counting(0, 4, 1), "scores", Tensor.vector(1f))))
                .contains("'scores'"));
    }

    @Test
    void scoresMustBeNumbers() throws IOException {
        var file = write("pairs.npz", Map.of("x", counting(0, 4, 1), "scores", Tensor.vector(1f, Float.NaN)));

        try (var data = Dataset.open(List.of(file))) {
            assertTrue(assertThrows(BadInput.class, () -> data.target("scores"))
                    .getMessage()
                    .contains("'scores'"));
        }
    }

    @Test
    void filesOfOneSetHaveTheSameArrays() throws IOException {
        var first = write("a.npz", Map.of("x", counting(0, 1, 1)));
        var second = write("b.npz", Map.of("z", counting(0, 1, 1)));

        assertTrue(refusal(first, second).contains("b.npz"));
    }
}
