package dev.quantline.quantize.evaluate;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Every metric in parts against the same in one run, to the bit. */
class EvaluationPartTest {
    private static final int BATCH = 3;
    private static final int TOKENS = 6;
    private static final int WIDTH = 16;
    private static final int BOXES = 4;
    /** Samples in each file: batches begin anew in the second one. */
    private static final int[] FILES = {20, 16};

    @TempDir
    private Path folder;

    /** {@code input_ids [batch, 6] -> hidden [batch, 6, 16]}, and the largest of each token. */
    private static Graph sequences(long seed) {
        var builder = new GraphBuilder(13, seed);
        String ids = builder.input("input_ids", DataType.INT64, -1, TOKENS);
        String words = builder.op("words", "Gather", builder.normal("table", .5, WIDTH, WIDTH), ids);
        builder.op("hidden", "MatMul", words, builder.normal("weight", .5, WIDTH, WIDTH));
        builder.op("mask", "Identity", builder.input("attention_mask", DataType.INT64, -1, TOKENS));
        builder.op("best", "ArgMax", Map.of("axis", 2L, "keepdims", 0L), "hidden");
        return builder.output("hidden", DataType.FLOAT, -1, TOKENS, WIDTH)
                .output("best", DataType.INT64, -1, TOKENS)
                .output("mask", DataType.INT64, -1, TOKENS)
                .graph();
    }

    /** Boxes and classes that its inputs give, with scores that depend on the seed. */
    private static Graph detector(long seed) {
        var builder = new GraphBuilder(13, seed);
        builder.op("boxes", "Identity", builder.input("b", DataType.FLOAT, -1, BOXES, 4));
        builder.op("labels", "Identity", builder.input("l", DataType.INT64, -1, BOXES));
        String scores = builder.input("s", DataType.FLOAT, -1, BOXES);
        builder.op("scores", "Sigmoid", builder.op("sum", "MatMul", scores, builder.normal("w", 1, BOXES, BOXES)));
        return builder.output("boxes", DataType.FLOAT, -1, BOXES, 4)
                .output("labels", DataType.INT64, -1, BOXES)
                .output("scores", DataType.FLOAT, -1, BOXES)
                .graph();
    }

    private static Tensor integers(Random random, int below, long... shape) {
        var values = new long[Math.toIntExact(LongStream.of(shape).reduce(1, (a, b) -> a * b))];
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextInt(below);
        }
        return Tensor.of(values, shape);
    }

    private static Tensor floats(Random random, long... shape) {
        var values = new float[Math.toIntExact(LongStream.of(shape).reduce(1, (a, b) -> a * b))];
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextFloat();
        }
        return Tensor.of(values, shape);
    }

    private static Map<String, Tensor> arrays(String metric, int samples, long seed) {
        var random = new Random(seed);
        var arrays = new LinkedHashMap<String, Tensor>();
        if (metric.startsWith("map")) {
            arrays.put("b", boxes(random, samples, 0));
            arrays.put("l", integers(random, 2, samples, BOXES));
            arrays.put("s", floats(random, samples, BOXES));
            arrays.put("targets", boxes(random, samples, 1));
            return arrays;
        }
        arrays.put("input_ids", integers(random, WIDTH, samples, TOKENS));
        arrays.put("attention_mask", everyToken(samples));
        switch (metric) {
            case "top1", "top5" -> arrays.put("labels", someRight(arrays.get("input_ids")));
            case "pairs", "pairs-cls" -> arrays.put("scores", floats(random, samples / 2));
            case "f1", "exact" -> arrays.put("targets", firstTokens(random, samples));
            case "cer", "cer-blank-last" -> arrays.put("targets", integers(random, WIDTH, samples, 4));
            case "psnr" -> arrays.put("targets", floats(random, samples, TOKENS, WIDTH));
            default -> {}
        }
        return arrays;
    }

    private static Tensor everyToken(int samples) {
        var mask = new long[samples * TOKENS];
        Arrays.fill(mask, 1);
        return Tensor.of(mask, samples, TOKENS);
    }

    /** What both networks say of some sentences, and something else of others. */
    private static Tensor someRight(Tensor ids) {
        var labels = new long[ids.dim(0)];
        for (int network = 1; network <= 2; network++) {
            try (var session = Session.open(sequences(network), Provider.cpu(), Session.Optimization.ALL)) {
                var scores = session.run(Map.of("input_ids", ids, "attention_mask", everyToken(labels.length)))
                        .get("hidden")
                        .toFloats();
                for (int i = network; i < labels.length; i += 2 + network) {
                    labels[i] = Classes.largest(scores, i * TOKENS * WIDTH, TOKENS * WIDTH);
                }
            }
        }
        return Tensor.of(labels, labels.length);
    }

    /** A class for the first token of each sentence only. */
    private static Tensor firstTokens(Random random, int samples) {
        var classes = new long[samples * TOKENS];
        for (int i = 0; i < classes.length; i++) {
            classes[i] = i % TOKENS == 0 ? random.nextInt(WIDTH / 4) : -100;
        }
        return Tensor.of(classes, samples, TOKENS);
    }

    /** Rows of class, if any, and corners on a coarse grid, so that some overlap. */
    private static Tensor boxes(Random random, int samples, int classes) {
        int columns = 4 + classes;
        var values = new float[samples * BOXES * columns];
        for (int at = 0; at < values.length; at += columns) {
            for (int c = 0; c < classes; c++) {
                values[at + c] = random.nextInt(2);
            }
            for (int axis = 0; axis < 2; axis++) {
                values[at + classes + axis] = random.nextInt(2) / 4f;
                values[at + classes + 2 + axis] = values[at + classes + axis] + .5f;
            }
        }
        return Tensor.of(values, samples, BOXES, columns);
    }

    private interface Comparing {
        void by(Session one, Session two, Samples samples) throws IOException;
    }

    private void compare(String metric, Comparing work) throws IOException {
        boolean detects = metric.startsWith("map");
        var network = detects ? detector(1) : sequences(1);
        var files = new ArrayList<Path>();
        for (int samples : FILES) {
            var file = folder.resolve("data" + samples + ".npz");
            files.add(Data.write(file, arrays(metric, samples, samples)));
        }
        try (var data = Dataset.open(files);
                var one = Session.open(network, Provider.cpu(), Session.Optimization.ALL);
                var two =
                        Session.open(detects ? detector(2) : sequences(2), Provider.cpu(), Session.Optimization.ALL)) {
            work.by(one, two, new Samples(data, network, Map.of()));
        }
    }

    private static void assertSame(Evaluation expected, Evaluation actual) {
        assertEquals(expected.baseline(), actual.baseline());
        assertEquals(expected.changed(), actual.changed());
        assertEquals(expected.lookedAt(), actual.lookedAt());
        assertEquals(
                List.copyOf(expected.outputs().keySet()),
                List.copyOf(actual.outputs().keySet()));
        expected.outputs()
                .forEach((name, closeness) ->
                        assertEquals(shown(closeness), shown(actual.outputs().get(name)), name));
        assertEquals(shown(expected.fidelity()), shown(actual.fidelity()));
    }

    private static String shown(Closeness closeness) {
        return switch (closeness) {
            case Fidelity fidelity -> fidelity.cosine() + " " + fidelity.sqnrDb() + " " + fidelity.relativeError();
            case Agreement agreement -> "" + agreement.share();
        };
    }

    @ParameterizedTest
    @CsvSource({
        "top1",
        "top5",
        "f1",
        "exact",
        "pairs",
        "pairs-cls",
        "perplexity",
        "cer",
        "cer-blank-last",
        "psnr",
        "map",
        "map50",
        "fidelity"
    })
    void partsGiveTheBitsOfOneRun(String metric) throws IOException {
        compare(metric, (one, two, samples) -> {
            var measure = Measure.of(metric);
            var whole = Evaluation.run(one, two, samples, measure, BATCH, Progress.none());
            var ranges = EvaluationPart.Range.of(samples, BATCH, 7);
            assertEquals(5, ranges.size(), ranges.toString());

            // The last part first, each through its file
            var parts = new ArrayList<EvaluationPart>();
            for (var range : ranges.reversed()) {
                var file = folder.resolve("part.json");
                EvaluationPart.run(one, two, samples, range, measure, BATCH, () -> false, Progress.none())
                        .write(file);
                parts.addFirst(EvaluationPart.read(file));
            }

            assertSame(whole, Evaluation.of(parts, measure, samples.dataset()));
            if (!metric.equals("fidelity")) {
                assertNotEquals(
                        whole.changed(),
                        Evaluation.of(parts.subList(0, 2), measure, samples.dataset())
                                .changed());
            }
        });
    }

    /** In the second file another output looks like scores too: what the first batch of the data showed holds for all. */
    @Test
    void aDetectorIsReadAsItsFirstBatchShows() throws IOException {
        var builder = new GraphBuilder(13, 1);
        builder.op("where", "Identity", builder.input("b", DataType.FLOAT, -1, BOXES, 4));
        builder.op("what", "Identity", builder.input("l", DataType.INT64, -1, BOXES));
        builder.op("sure", "Identity", builder.input("s", DataType.FLOAT, -1, BOXES));
        builder.op("other", "Identity", builder.input("o", DataType.FLOAT, -1, -1));
        var network = builder.output("where", DataType.FLOAT, -1, BOXES, 4)
                .output("what", DataType.INT64, -1, BOXES)
                .output("sure", DataType.FLOAT, -1, BOXES)
                .output("other", DataType.FLOAT, -1, -1)
                .graph();
        var files = new ArrayList<Path>();
        for (int columns : List.of(BOXES + 1, BOXES)) {
            var arrays = arrays("map", FILES[1], columns);
            arrays.put("o", floats(new Random(columns), FILES[1], columns));
            files.add(Data.write(folder.resolve(columns + ".npz"), arrays));
        }
        var measure = Measure.of("map");
        try (var data = Dataset.open(files);
                var session = Session.open(network, Provider.cpu(), Session.Optimization.ALL)) {
            var samples = new Samples(data, network, Map.of());
            var parts = new ArrayList<EvaluationPart>();
            for (var range : EvaluationPart.Range.of(samples, BATCH, FILES[1])) {
                parts.add(EvaluationPart.run(
                        session, session, samples, range, measure, BATCH, () -> false, Progress.none()));
            }

            assertEquals(2, parts.size());
            assertSame(
                    Evaluation.run(session, session, samples, measure, BATCH, Progress.none()),
                    Evaluation.of(parts, measure, data));
        }
    }

    @Test
    void whatIsStoppedGoesOnWhereItWas() throws IOException {
        compare("perplexity", (one, two, samples) -> {
            var measure = Measure.of("perplexity");
            var range = EvaluationPart.Range.of(samples, BATCH, 20).getFirst();
            var part = new EvaluationPart(List.of(), range.from());
            int slices = 0;
            while (part.next() < range.to()) {
                part = part.then(EvaluationPart.run(
                        one, two, samples, range.after(part), measure, BATCH, () -> true, Progress.none()));
                slices++;
            }

            assertEquals(part.batches().size(), slices);
            assertSame(
                    Evaluation.run(one, two, samples, range.to(), measure, BATCH, Progress.none()),
                    Evaluation.of(List.of(part), measure, samples.dataset()));
        });
    }

    @Test
    void partsBeginWithABatchAndAPair() throws IOException {
        compare("pairs", (one, two, samples) -> {
            var ranges = EvaluationPart.Range.of(samples, BATCH, 4);
            var starts = samples.dataset().starts(BATCH).boxed().toList();

            assertEquals(0, ranges.getFirst().from());
            assertEquals(samples.size(), ranges.getLast().to());
            for (int i = 1; i < ranges.size(); i++) {
                int from = ranges.get(i).from();
                assertEquals(ranges.get(i - 1).to(), from);
                assertTrue(from % 2 == 0 && starts.contains(from), ranges.toString());
            }
            assertEquals(1, EvaluationPart.Range.of(samples, BATCH, 30).size());
        });
    }
}
