package dev.quantline.onnx.runtime;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;

class BatchSizeTest {
    private static final int MEGABYTE = 1 << 20;

    @TempDir
    private Path folder;

    /** {@code x [batch, 1, 1] -> y [batch, 1, columns]}, or with a fixed batch size. */
    private static Graph wide(int batch, int columns) {
        var builder = new GraphBuilder(17, 1);
        builder.input("x", DataType.FLOAT, batch, 1, 1);
        builder.op("y", "Mul", "x", builder.constant("ones", Tensor.zeros(DataType.FLOAT, 1, columns)));
        return builder.output("y", DataType.FLOAT, batch, 1, columns).graph();
    }

    private int size(Graph model, int samples, int wanted) throws IOException {
        var npz =
                Data.write(folder.resolve(samples + ".npz"), Map.of("x", Tensor.zeros(DataType.FLOAT, samples, 1, 1)));
        try (var data = Dataset.open(List.of(npz));
                var session = Session.open(model, Provider.cpu(), Session.Optimization.NONE)) {
            return BatchSize.of(session, List.of("y"), new Samples(data, model, Map.of()), wanted);
        }
    }

    @Test
    void asManyAreRunAsFitIntoHalfAGigabyte() throws IOException {
        assertEquals(16, size(wide(-1, 8 * MEGABYTE), 2, 16), "32 MiB each");
        assertEquals(8, size(wide(-1, 16 * MEGABYTE), 2, 16), "64 MiB each");
        assertEquals(8, size(wide(2, 16 * MEGABYTE), 2, 16), "the same for a model that takes two");
    }

    @Test
    void oneIsRunHoweverLargeItIs() {
        assertEquals(1, BatchSize.fitting(Long.MAX_VALUE, 16));
        assertEquals(16, BatchSize.fitting(0, 16));
    }

    @Test
    void tooFewSamplesForABatchAskForNothing() throws IOException {
        assertEquals(16, size(wide(4, 1), 2, 16));
    }

    @Test
    void sentencesCountWithTheirPadding() throws IOException {
        // Given a first sentence of one word padded to eight tokens
        var builder = new GraphBuilder(17, 1);
        builder.input("input_ids", DataType.INT64, -1, -1);
        builder.input("attention_mask", DataType.INT64, -1, -1);
        builder.op("both", "Mul", "input_ids", "attention_mask");
        var model = builder.output("both", DataType.INT64, -1, -1).graph();
        var npz = Data.write(
                folder.resolve("words.npz"),
                Map.of(
                        "input_ids",
                        Tensor.of(new long[] {5, 0, 0, 0, 0, 0, 0, 0}, 1, 8),
                        "attention_mask",
                        Tensor.of(new long[] {1, 0, 0, 0, 0, 0, 0, 0}, 1, 8)));

        // When
        try (var data = Dataset.open(List.of(npz))) {
            var full = new Samples(data, model, Map.of()).full().orElseThrow();

            // Then
            assertEquals(8, full.arrays().get("input_ids").dim(1));
        }
    }
}
