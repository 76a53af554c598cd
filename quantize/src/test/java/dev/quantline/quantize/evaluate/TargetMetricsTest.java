package dev.quantline.quantize.evaluate;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Metrics for data with targets at several positions of a sample. */
class TargetMetricsTest {
    @TempDir
    private Path folder;

    /** The metric over batches of two samples, with these rows as outputs. */
    private Metric seen(String name, String array, List<Tensor> targets, Tensor output) throws IOException {
        var files = new ArrayList<Path>();
        for (var target : targets) {
            files.add(Data.write(
                    folder.resolve(name + files.size() + ".npz"),
                    Map.of("x", Tensor.zeros(DataType.FLOAT, target.dim(0), 1), array, target)));
        }
        try (var data = Dataset.open(files);
                var metric = Metric.of(Measure.of(name), data).orElseThrow()) {
            data.forEachBatch(0, data.size(), 2, fed -> {
                var outputs = new LinkedHashMap<String, Tensor>();
                outputs.put("y", output.rows(fed.first(), fed.first() + fed.size()));
                metric.add(fed, outputs);
            });
            metric.value();
            return metric;
        }
    }

    private static Tensor longs(long[] values, long... shape) {
        return Tensor.vector(values).reshape(shape);
    }

    /** Scores {@code [samples, positions, classes]} that are largest at these classes. */
    private static Tensor scores(int classes, int[]... found) {
        var values = new float[found.length * found[0].length * classes];
        for (int i = 0; i < found.length; i++) {
            for (int t = 0; t < found[0].length; t++) {
                values[(i * found[0].length + t) * classes + found[i][t]] = 1;
            }
        }
        return Tensor.of(values, found.length, found[0].length, classes);
    }

    @Test
    void f1IsTheMeanOverClassesOfTwiceTheHitsOverWhatIsRightAndWhatIsPredicted() throws IOException {
        // Given words of three classes, one of them ignored, over two files
        var targets = List.of(longs(new long[] {0, 1, 1, 2}, 2, 2), longs(new long[] {0, -100}, 1, 2));
        var metric = seen("f1", "targets", targets, scores(4, new int[] {0, 1}, new int[] {2, 2}, new int[] {1, 3}));
        // Then class 0: 1 hit, 2 true, 1 predicted; class 1: 1, 2, 2; class 2: 1, 1, 2; class 3 does not occur
        assertEquals((2 / 3.0 + 2 / 4.0 + 2 / 3.0) / 3, metric.value(), 1e-12);
        assertTrue(metric.largerIsBetter());
    }

    @Test
    void aSampleMatchesExactlyWhenAllItsPositionsDo() throws IOException {
        var targets = List.of(longs(new long[] {0, 1, 1, 2, 0, -100}, 3, 2));

        var metric = seen("exact", "targets", targets, scores(3, new int[] {0, 1}, new int[] {2, 2}, new int[] {0, 2}));

        assertEquals(2 / 3.0, metric.value(), 1e-12);
    }

    @Test
    void labelsServeWhereASampleHasOneClassAndNotANumberIsNone() throws IOException {
        var labels = List.of(longs(new long[] {1, 0, 1}, 3));
        var output = Tensor.of(new float[] {0, 1, Float.NaN, Float.NaN, 0, 1}, 3, 2);

        // class 0: no hit of 1 true; class 1: 2 hits, 2 true, 2 predicted
        assertEquals(.5, seen("f1", "labels", labels, output).value(), 1e-12);
        assertEquals(2 / 3.0, seen("exact", "labels", labels, output).value(), 1e-12);
    }

    @Test
    void charactersAreDecodedWithoutBlanksAndRepetitions() throws IOException {
        // Given "1 2" encoded as 1 1 - 2 and "1 1" as 1 - 1 1, and one text with a wrong and a missing character
        var targets = List.of(longs(new long[] {1, 2, -1, 1, 1, -1}, 2, 3), longs(new long[] {1, 2, 2}, 1, 3));
        var output = scores(3, new int[] {1, 1, 0, 2}, new int[] {1, 0, 1, 1}, new int[] {2, 2, 0, 2});

        // Then: 2 2 against 1 2 2 is one edit of seven characters
        var metric = seen("cer", "targets", targets, output);
        assertEquals(1 / 7.0, metric.value(), 1e-12);
        assertFalse(metric.largerIsBetter());
    }

    @Test
    void theBlankMayBeTheLastCharacter() throws IOException {
        var targets = List.of(longs(new long[] {0, 0, -1}, 1, 3));

        assertEquals(
                0,
                seen("cer-blank-last", "targets", targets, scores(3, new int[] {0, 2, 0, 0}))
                        .value());
        // with the first character as the blank it reads 2: one replaced, one missing
        assertEquals(
                1,
                seen("cer", "targets", targets, scores(3, new int[] {0, 2, 0, 0}))
                        .value());
    }

    @Test
    void picturesAreJudgedBySquaredErrorAgainstAPeakOfOne() throws IOException {
        // Given a picture that is .1 off everywhere, and an identical one of bytes
        var floats = List.of(Tensor.of(new float[] {.5f, .5f, .25f, .25f}, 2, 2));
        var bytes = List.of(Tensor.of(DataType.UINT8, new byte[] {(byte) 255, 51}, 1, 2));

        assertEquals(
                20,
                seen("psnr", "targets", floats, Tensor.of(new float[] {.6f, .4f, .35f, .35f}, 2, 2))
                        .value(),
                1e-4);
        assertEquals(
                100,
                seen("psnr", "targets", bytes, Tensor.of(new float[] {1, .2f}, 1, 2))
                        .value(),
                1e-9);
    }

    @Test
    void theFirstTokenMayBeASentencesEmbedding() {
        // Given two pairs whose first tokens are parallel in one and opposite in the other; means would say the
        // opposite
        var output = Tensor.of(new float[] {1, 0, 0, 9, 1, 0, 0, -9, 1, 0, 5, 0, -1, 0, 7, 0}, 4, 2, 2);
        var fed = new Dataset.Batch(0, 4, Map.of("attention_mask", longs(new long[] {1, 1, 1, 1, 1, 1, 1, 1}, 4, 2)));

        var cls = new Pairs(Pairs.Pooling.CLS, Optional.empty(), new float[] {5, 1});
        cls.add(fed, Map.of("y", output));
        var mean = new Pairs(Pairs.Pooling.MEAN, Optional.empty(), new float[] {5, 1});
        mean.add(fed, Map.of("y", output));

        assertEquals(1, cls.value(), 1e-12);
        assertEquals(-1, mean.value(), 1e-12);
    }

    @Test
    void whatDoesNotFitIsNamed() {
        var targets = List.of(longs(new long[] {0, 1}, 2, 1));

        assertTrue(message("f1", targets, scores(2, new int[] {0, 1}, new int[] {0, 1}))
                .contains("output 'y'"));
        assertTrue(message("cer", targets, Tensor.zeros(DataType.FLOAT, 2, 3)).contains("[samples, time, characters]"));
        assertTrue(message("psnr", targets, Tensor.zeros(DataType.FLOAT, 2, 3)).contains("targets of the size"));
    }

    private String message(String name, List<Tensor> targets, Tensor output) {
        return assertThrows(BadInput.class, () -> seen(name, "targets", targets, output))
                .getMessage();
    }

    @Test
    void missingTargetsAreAskedForByName() throws IOException {
        var file = Data.write(
                folder.resolve("data.npz"),
                Map.of("x", Tensor.zeros(DataType.FLOAT, 2, 1), "labels", Tensor.vector(0L, 1L)));
        try (var data = Dataset.open(List.of(file))) {
            var missing = assertThrows(BadInput.class, () -> Metric.of(new Measure("psnr", Optional.empty()), data));
            assertTrue(missing.getMessage().contains("data.npz has no array 'targets'"), missing.getMessage());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"f1", "exact", "own"})
    void whatIsAskedOfTokensIsComparedWhereBatchesAreFedWithoutTheirPadding(String metric) throws IOException {
        // Given texts of different lengths, and the class that the network itself finds for each token, except padding
        var network = Networks.transformer(1);
        var arrays = new LinkedHashMap<>(Data.tokens(9, 12, 3));
        try (var session = Session.open(network, Provider.cpu(), Session.Optimization.ALL)) {
            var hidden = session.run(arrays).get("hidden");
            var targets = new long[9 * 12];
            for (int i = 0; i < targets.length; i++) {
                targets[i] = arrays.get("attention_mask").get(i) == 0
                        ? -100
                        : Classes.largest(hidden.toFloats(), i * hidden.dim(2), hidden.dim(2));
            }
            arrays.put("targets", longs(targets, 9, 12));
            // When they are evaluated three at a time, mostly with texts shorter than the longest
            try (var data = Dataset.open(List.of(Data.write(folder.resolve("texts.npz"), arrays)))) {
                var measure = metric.equals("own")
                        ? Measure.of(CustomMetricGraph.read(anyTokenRight(), Optional.empty()))
                        : Measure.of(metric);
                var evaluation = Evaluation.run(
                        session, session, new Samples(data, network, Map.of()), measure, 3, Progress.none());
                // Then the network agrees with itself
                assertEquals(1, evaluation.baseline().getAsDouble());
            }
        }
    }

    /** {@code hidden [samples, tokens, 16], targets [samples, tokens] -> [samples]}: 1 if any token's largest channel is its target. */
    private Path anyTokenRight() throws IOException {
        var builder = new GraphBuilder(17, 1);
        var best = builder.op(
                "best",
                "ArgMax",
                Map.of("axis", 2L, "keepdims", 0L),
                builder.input("hidden", DataType.FLOAT, -1, -1, 16));
        var equal = builder.op("equal", "Equal", best, builder.input("targets", DataType.INT64, -1, -1));
        builder.op(
                "any",
                "ReduceMax",
                Map.of("axes", new long[] {1}, "keepdims", 0L),
                builder.op("hit", "Cast", Map.of("to", 1L), equal));
        var file = folder.resolve("any.onnx");
        ModelFile.write(
                builder.output("any", DataType.FLOAT, -1).graph().withMetadata(Map.of("quantline.better", "higher")),
                file);
        return file;
    }
}
