package dev.quantline.quantize.calibrate;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.rewrite.Rewrite;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.fixture.Recipes;
import dev.quantline.quantize.profile.Profiler;
import dev.quantline.quantize.quantizer.Quantizer;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Migration;
import dev.quantline.quantize.settings.SoftmaxQuantizer;
import dev.quantline.quantize.settings.WeightRange;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Which activations are rewritten and measured, and the reasons given for the others. */
class ActivationQuantizerSearchTest {
    private static final int SAMPLES = 24;

    @TempDir
    private Path folder;

    private Calibrator.Result calibrate(
            Graph model, CalibrateSettings settings, Progress progress, List<Graph> rewritten) throws IOException {
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), Data.rows(SAMPLES, 3))))) {
            var samples = new Samples(data, model, Map.of());
            var profile = Profiler.observe(
                    model, samples, 0, SAMPLES, 8, settings.exclude(), Provider.cpu(), Progress.none());
            return new Calibrator(model, profile, samples, settings, 8, Provider.cpu())
                    .calibrate(progress, rewritten::add);
        }
    }

    private static CalibrateSettings settings(ActivationRange range, SoftmaxQuantizer softmax, Migration migration) {
        return Recipes.calibrate(range, WeightRange.MSE, softmax, migration, 8, 4, List.of(), 8);
    }

    /** Norms read by a layer, by a product of activations, and (with a computed gamma) by a layer. */
    private static Graph norms() {
        var builder = new GraphBuilder(17, 2);
        String x = builder.input("x", DataType.FLOAT, -1, Networks.FEATURES);
        norm(builder, "plain", x, builder.between("g1", .5, 2, Networks.FEATURES));
        builder.op("y", "MatMul", "plain", builder.normal("w", 1, Networks.FEATURES, 4));
        norm(builder, "both", x, builder.between("g2", .5, 2, Networks.FEATURES));
        builder.op("turned", "Transpose", Map.of("perm", new long[] {1, 0}), "both");
        builder.op("scores", "MatMul", "both", "turned");
        String gamma = builder.op("gamma", "ReduceMean", Map.of("axes", new long[] {0}, "keepdims", 0L), x);
        norm(builder, "computed", x, gamma);
        builder.op("z", "MatMul", "computed", builder.normal("v", 1, Networks.FEATURES, 4));
        return builder.output("y", DataType.FLOAT, -1, 4)
                .output("scores", DataType.FLOAT, -1, -1)
                .output("z", DataType.FLOAT, -1, 4)
                .graph();
    }

    private static void norm(GraphBuilder builder, String name, String x, String gamma) {
        builder.op(name, "LayerNormalization", Map.of("axis", -1L), x, gamma);
    }

    @Test
    void normsThatAreLeftAloneAreNamedWithTheReason() throws IOException {
        var model = PreparedModel.prepare(norms());

        var result = calibrate(
                model,
                settings(ActivationRange.MSE, SoftmaxQuantizer.UNIFORM, Migration.MEDIAN),
                Progress.none(),
                new ArrayList<>());

        var rewrite = result.table().rewrites().getLast();
        assertEquals(
                new Rewrite(
                        "channel spread moved",
                        List.of("plain"),
                        List.of(
                                "both: not all of its quantized readers are MatMul or Gemm with constant weights",
                                "computed: its gamma or beta is not a constant vector over the last axis")),
                rewrite);
        assertTrue(result.plan().activations().stream()
                .anyMatch(site -> site.tensor().equals("plain/migrated")));
        assertTrue(result.plan().activations().stream()
                .noneMatch(site -> site.tensor().equals("plain")));
    }

    @Test
    void theRewrittenModelIsHandedOutOnceAndProgressGrowsToTheEnd() throws IOException {
        var model = PreparedModel.prepare(norms());
        var handed = new ArrayList<Graph>();
        var seen = new ArrayList<Double>();
        var said = new ArrayList<String>();

        var result = calibrate(
                model,
                settings(ActivationRange.AUTO, SoftmaxQuantizer.UNIFORM, Migration.SEARCH),
                (done, what) -> {
                    seen.add(done);
                    said.add(what.replaceAll("\\d+", "n"));
                },
                handed);

        assertEquals(1, handed.size());
        assertSame(result.model(), handed.getFirst());
        for (int i = 1; i < seen.size(); i++) {
            assertTrue(seen.get(i) >= seen.get(i - 1), seen.toString());
        }
        assertEquals(1, seen.getLast(), 1e-9);
        assertEquals(
                List.of(
                        "running n samples to try quantizers on",
                        "moving channel spread of norm outputs",
                        "choosing ranges",
                        "choosing weight scales"),
                said.stream().distinct().filter(what -> !what.isEmpty()).toList());
        assertTrue(
                seen.stream().distinct().count() >= 9, "three norms, three ranges and two weights at least: " + seen);
    }

    /** A softmax output read by a layer and a sigmoid, and a tanh. */
    private static Graph softmax() {
        var builder = new GraphBuilder(17, 2);
        String x = builder.input("x", DataType.FLOAT, -1, Networks.FEATURES);
        builder.op("a", "Softmax", Map.of("axis", -1L), x);
        builder.op("y", "MatMul", "a", builder.normal("w", 1, Networks.FEATURES, 4));
        builder.op("h", "Tanh", x);
        builder.op("z", "MatMul", "h", builder.normal("v", 1, Networks.FEATURES, 4));
        builder.op("s", "Sigmoid", "a");
        return builder.output("y", DataType.FLOAT, -1, 4)
                .output("z", DataType.FLOAT, -1, 4)
                .output("s", DataType.FLOAT, -1, 8)
                .graph();
    }

    private Map<String, Quantizer> chosen(Calibrator.Result result) {
        return result.plan().activations().stream()
                .collect(Collectors.toMap(site -> site.tensor(), site -> site.quantizer()));
    }

    @Test
    void onlySoftmaxGetsACurveAndOnlyItIsMeasuredForOne() throws IOException {
        var model = PreparedModel.prepare(softmax());
        for (var curve : List.of(SoftmaxQuantizer.LOG2, SoftmaxQuantizer.LOGSQRT2, SoftmaxQuantizer.TAN)) {
            var result = calibrate(
                    model, settings(ActivationRange.MSE, curve, Migration.OFF), Progress.none(), new ArrayList<>());

            assertEquals(curve.name().toLowerCase(), chosen(result).get("a").label());
            assertEquals("uniform", chosen(result).get("h").label());
            assertNotNull(result.table().activation("a", 4).orElseThrow().consumerError());
            assertNull(result.table().activation("h", 4).orElseThrow().consumerError());
            assertEquals(
                    "product", result.table().activation("a", 4).orElseThrow().range());
            assertEquals("mse", result.table().activation("h", 4).orElseThrow().range());
            assertTrue(result.table().rewrites().isEmpty()
                    || result.table().rewrites().stream()
                            .noneMatch(rewrite -> rewrite.rule().contains("spread")));
        }
    }

    @Test
    void autoIsNoWorseThanAnyCurveOrRange() throws IOException {
        // Given
        var model = PreparedModel.prepare(softmax());
        var auto = calibrate(
                        model,
                        settings(ActivationRange.AUTO, SoftmaxQuantizer.AUTO, Migration.OFF)
                                .withCandidates(List.of(2, 8)),
                        Progress.none(),
                        new ArrayList<>())
                .table();

        for (var curve : List.of(SoftmaxQuantizer.LOG2, SoftmaxQuantizer.LOGSQRT2, SoftmaxQuantizer.TAN)) {
            // When
            var one = calibrate(
                            model,
                            settings(ActivationRange.AUTO, curve, Migration.OFF).withCandidates(List.of(2, 8)),
                            Progress.none(),
                            new ArrayList<>())
                    .table();

            // Then
            for (int bits : List.of(2, 4, 8)) {
                double least = auto.activation("a", bits).orElseThrow().consumerError();
                assertTrue(
                        least <= one.activation("a", bits).orElseThrow().consumerError() + 1e-12,
                        curve + " at " + bits);
            }
        }
        assertNotNull(auto.activation("h", 4).orElseThrow().consumerError());
    }

    @Test
    void codesWiderThanATableHaveNoCurve() throws IOException {
        var settings = settings(ActivationRange.MSE, SoftmaxQuantizer.TAN, Migration.OFF)
                .withCandidates(List.of(8, 9, 16));

        var table = calibrate(PreparedModel.prepare(softmax()), settings, Progress.none(), new ArrayList<>())
                .table();

        assertEquals("tan", table.activation("a", 8).orElseThrow().quantizer().label());
        assertEquals(
                "uniform", table.activation("a", 9).orElseThrow().quantizer().label());
        assertEquals(
                "uniform", table.activation("a", 16).orElseThrow().quantizer().label());
    }
}
