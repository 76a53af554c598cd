package dev.quantline.quantize.export;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.evaluate.CustomMetricGraph;
import dev.quantline.quantize.evaluate.Evaluation;
import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.evaluate.Metric;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/**
 * The goal in the unit and direction of every metric. The float model outputs its input and is right; the other model is wrong in the
 * second of two samples, by an addition to its output.
 */
class GoalTest {
    @TempDir
    private Path folder;

    /**
     * @param right  arrays of the data, including the model's input {@code x} or {@code input_ids}
     * @param wrong  what the worse model adds to its output
     * @param before figure of the float model
     * @param after  figure of the other model
     */
    private record Case(Map<String, Tensor> right, Tensor wrong, double before, double after) {}

    static Stream<String> metrics() {
        return Metric.NAMES.stream();
    }

    private static Case of(String metric) {
        var labels = Tensor.vector(0L, 1);
        var classes = floats(new float[] {4, 0, 0, 4}, 2, 2);
        var otherClass = floats(new float[] {0, 0, 8, 0}, 2, 2);
        return switch (metric) {
            case "top1", "exact" -> new Case(Map.of("x", classes, "labels", labels), otherClass, 1, .5);
            // Class 0: one hit, one true, two predicted; class 1 is never predicted.
            case "f1" -> new Case(Map.of("x", classes, "labels", labels), otherClass, 1, 2 / 3. / 2);
            case "top5" ->
                new Case(
                        Map.of("x", floats(new float[] {1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}, 2, 6), "labels", labels),
                        floats(new float[] {0, 0, 0, 0, 0, 0, 2, 0, 2, 2, 2, 2}, 2, 6),
                        1,
                        .5);
            case "pairs", "pairs-cls" -> {
                var x = floats(new float[] {1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 1}, 6, 2);
                // The most similar pair becomes the second.
                yield new Case(
                        Map.of("x", x, "scores", Tensor.vector(5f, 3, 1)),
                        floats(new float[] {0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0}, 6, 2),
                        1,
                        .5);
            }
            // Of three tokens the next one has a logit 4 above the others, or the same.
            case "perplexity" ->
                new Case(
                        Map.of("input_ids", Tensor.of(new long[] {0, 1, 2, 1}, 2, 2)),
                        floats(new float[] {0, 0, 0, 0, 0, 0, 4, 0, 4, 0, 0, 0}, 2, 2, 3),
                        perplexity(4, 4),
                        perplexity(4, 0));
            case "cer" ->
                characters(floats(new float[] {0, 3, 0, 0, 0, 3, 0, 3, 0, 0, 0, 3}, 2, 2, 3), new long[] {1, 2, 1, 2});
            case "cer-blank-last" ->
                characters(floats(new float[] {0, 3, 0, 3, 0, 0, 0, 3, 0, 3, 0, 0}, 2, 2, 3), new long[] {1, 0, 1, 0});
            case "psnr" ->
                new Case(
                        Map.of(
                                "x",
                                floats(new float[] {.5f, .5f}, 2, 1),
                                "targets",
                                floats(new float[] {.5f, .5f}, 2, 1)),
                        floats(new float[] {0, .1f}, 2, 1),
                        100,
                        60);
            case "map", "map50" ->
                boxes(
                        floats(new float[] {0, 0, 2, 2, .9f, 0, 0, 0, 2, 2, .9f, 0}, 2, 1, 6),
                        floats(new float[] {0, 0, 0, 0, 0, 0, 5, 5, 5, 5, 0, 0}, 2, 1, 6));
            case "map-sigmoid", "map50-sigmoid" ->
                boxes(
                        floats(new float[] {1, 1, 2, 2, 3, 1, 1, 2, 2, 3}, 2, 1, 5),
                        floats(new float[] {0, 0, 0, 0, 0, 5, 5, 0, 0, 0}, 2, 1, 5));
            // The second sample becomes orthogonal to the original.
            case "fidelity" ->
                new Case(
                        Map.of("x", floats(new float[] {1, 0, 1, 0}, 2, 2)),
                        floats(new float[] {0, 0, -1, 1}, 2, 2),
                        1,
                        .5);
            default -> throw new AssertionError("no case for metric " + metric);
        };
    }

    private static Case characters(Tensor scores, long[] targets) {
        var wrong = new float[scores.size()];
        // A step of the second text repeats the character of the step before, and counts once.
        System.arraycopy(scores.toFloats(), 6, wrong, 9, 3);
        for (int i = 9; i < 12; i++) {
            wrong[i] *= 2;
        }
        return new Case(
                Map.of("x", scores, "targets", Tensor.of(targets, 2, 2)), Tensor.of(wrong, scores.shape()), 0, .25);
    }

    /** Half of the boxes are found from the first score on: precision is 1 up to a recall of .5. */
    private static Case boxes(Tensor rows, Tensor wrong) {
        return new Case(
                Map.of("x", rows, "targets", floats(new float[] {0, 0, 0, 2, 2, 0, 0, 0, 2, 2}, 2, 1, 5)),
                wrong,
                1,
                51 / 101.);
    }

    /** One predicted token per sample, whose logit is this much above two others. */
    private static double perplexity(double... above) {
        return Math.exp(Arrays.stream(above)
                .map(logit -> Math.log(1 + 2 * Math.exp(-logit)))
                .average()
                .orElseThrow());
    }

    private static Tensor floats(float[] values, long... shape) {
        return Tensor.of(values, shape);
    }

    /** Outputs its input, for tokens the one-hot logits of the next token, plus an addition. */
    private static Graph model(Map<String, Tensor> arrays, Tensor added, String metric) {
        var builder = new GraphBuilder(17, 1);
        String x;
        if (arrays.containsKey("input_ids")) {
            x = builder.op(
                    "next",
                    "Gather",
                    builder.constant("table", floats(new float[] {0, 4, 0, 0, 0, 4, 0, 4, 0}, 3, 3)),
                    builder.input("input_ids", DataType.INT64, 2, 2));
        } else {
            x = builder.input("x", DataType.FLOAT, arrays.get("x").shape());
        }
        builder.op("y", "Add", x, builder.constant("added", added));
        if (metric.endsWith("-sigmoid")) {
            builder.op(
                    "pred_boxes",
                    "Slice",
                    "y",
                    builder.constant("from", Tensor.vector(0L)),
                    builder.constant("to", Tensor.vector(4L)),
                    builder.constant("axis", Tensor.vector(2L)));
            builder.op("logits", "Slice", "y", "to", builder.constant("end", Tensor.vector(5L)), "axis");
            return builder.output("pred_boxes", DataType.FLOAT, 2, 1, 4)
                    .output("logits", DataType.FLOAT, 2, 1, 1)
                    .graph();
        }
        return builder.output("y", DataType.FLOAT, added.shape()).graph();
    }

    @ParameterizedTest
    @MethodSource("metrics")
    void aGoalIsMetAndMissedInTheUnitOfTheMetric(String metric) throws IOException {
        // Given
        var given = of(metric);
        var right =
                model(given.right(), Tensor.zeros(DataType.FLOAT, given.wrong().shape()), metric);
        var wrong = model(given.right(), given.wrong(), metric);
        try (var data = Dataset.open(
                        List.of(Data.write(folder.resolve("data.npz"), new LinkedHashMap<>(given.right()))));
                var one = Session.open(right, Provider.cpu(), Session.Optimization.ALL);
                var two = Session.open(wrong, Provider.cpu(), Session.Optimization.ALL)) {
            var samples = new Samples(data, right, Map.of());

            // When
            var worse = Evaluation.run(one, two, samples, Measure.of(metric), 2, Progress.none());
            var better = Evaluation.run(two, one, samples, Measure.of(metric), 2, Progress.none());

            // Then
            double drop = Math.abs(given.before() - given.after());
            assertEquals(given.before(), worse.baseline().orElse(1), 1e-4);
            assertEquals(given.after(), worse.changed().orElse(worse.fidelity().cosine()), 1e-4);
            assertFalse(missed(worse, drop + .01), "a drop of " + drop + " is allowed");
            assertTrue(missed(worse, drop - .01), "a drop of " + drop + " is more than allowed");
            assertEquals(
                    metric.equals("fidelity"),
                    missed(better, 0),
                    "a better model does not drop; with fidelity none is better");
        }
    }

    /** Of the mean distance to {@code y}, less is better if its file says so. */
    @Test
    void aGoalIsMetAndMissedInTheUnitOfAnOwnMetric() throws IOException {
        // Given
        var arrays = Map.of("x", floats(new float[] {1, 2}, 2, 1), "wanted", floats(new float[] {1, 2}, 2, 1));
        var builder = new GraphBuilder(17, 1);
        builder.op(
                "off",
                "Sub",
                builder.input("y", DataType.FLOAT, -1, 1),
                builder.input("wanted", DataType.FLOAT, -1, 1));
        builder.op(
                "distance",
                "ReduceSum",
                Map.of("keepdims", 0L),
                builder.op("far", "Abs", "off"),
                builder.constant("axes", Tensor.vector(1L)));
        var file = folder.resolve("distance.onnx");
        ModelFile.write(
                builder.output("distance", DataType.FLOAT, -1)
                        .graph()
                        .withMetadata(Map.of(CustomMetricGraph.BETTER, "lower")),
                file);
        var measure = Measure.of(CustomMetricGraph.read(file, Optional.empty()));
        var right = model(arrays, floats(new float[2], 2, 1), "");
        var wrong = model(arrays, floats(new float[] {0, 3}, 2, 1), "");
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), arrays)));
                var one = Session.open(right, Provider.cpu(), Session.Optimization.ALL);
                var two = Session.open(wrong, Provider.cpu(), Session.Optimization.ALL)) {
            // When
            var samples = new Samples(data, right, Map.of());
            var worse = Evaluation.run(one, two, samples, measure, 2, Progress.none());

            // Then
            assertEquals("distance.onnx", worse.metric());
            assertEquals(List.of("y"), worse.lookedAt());
            assertEquals(OptionalDouble.of(0), worse.baseline());
            assertEquals(OptionalDouble.of(1.5), worse.changed());
            assertFalse(missed(worse, 1.6));
            assertTrue(missed(worse, 1.4));
            assertFalse(missed(Evaluation.run(two, one, samples, measure, 2, Progress.none()), 0));
            assertEquals(1, samples.unused().size());
            assertEquals(List.of(), samples.unused(measure.own().orElseThrow().reads()));
        }
    }

    private static boolean missed(Evaluation result, double goal) {
        return Verdict.of(result, List.of(), OptionalDouble.of(goal), "").missed();
    }
}
