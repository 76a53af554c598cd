package dev.quantline.exporter;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.service.ServiceContract;
import dev.quantline.pipeline.service.StackResource;
import dev.quantline.pipeline.service.TinyJob;
import dev.quantline.quantize.allocate.Candidates;
import dev.quantline.quantize.allocate.Sensitivities;
import dev.quantline.quantize.export.Report;
import dev.quantline.quantize.fixture.ReportSchema;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Width;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

@QuarkusTest
@QuarkusTestResource(StackResource.class)
class ExporterServiceTest extends ServiceContract {
    @Override
    protected StageName stage() {
        return StageName.EXPORT;
    }

    @Override
    protected void checkResult(Path folder) throws IOException {
        var report = Report.read(folder.resolve("report.json"));
        assertEquals(List.of(), ReportSchema.faults(Files.readString(folder.resolve("report.json"))));
        assertTrue(
                report.asked().command().startsWith("./quantline quantize tiny.onnx --data "),
                report.asked().command());
        assertEquals("done", report.status());
        assertTrue(report.fidelity().cosine() > 0.99, report.toString());
        assertEquals(new Report.Value("top1", 1), report.original().metric());
        assertTrue(report.quantized().metric().value() > 0.9, report.toString());
        assertEquals(
                Set.of("profile", "calibrate", "tune", "export"),
                report.stages().keySet());
        assertTrue(report.provenance().modelSha256().matches("[0-9a-f]{64}"));
        try (var session = Session.open(folder.resolve("model.onnx"), Provider.cpu(), Session.Optimization.ALL)) {
            assertEquals(Set.of("logits"), session.outputs());
        }
    }

    @Test
    void bitsAreAllocatedWithinABudgetAndTheTableIsKept(@TempDir Path folder) throws IOException {
        var request = (ObjectNode) Json.MAPPER.readTree(TinyJob.request("allocated", "tiny.onnx"));
        request.putObject("recipe").put("preset", "mixed").putObject("allocate").put("size", 0.9);
        traffic.send(TOPICS.jobs(), "allocated", Json.bytes(request));

        var completed = traffic.await("allocated", TOPICS.completed(StageName.EXPORT), Event.Completed.class);

        assertEquals(
                Set.of(
                        "model.onnx",
                        "report.json",
                        "report.html",
                        "candidates.json",
                        "sensitivities.json",
                        "calibrated.onnx",
                        "tuned.onnx",
                        "calibration.json",
                        "rounded-8.onnx"),
                completed.results().keySet());
        fetch(completed, folder);
        var report = Report.read(folder.resolve("report.json"));
        assertTrue(report.quantized().bytes() <= 0.9 * report.original().bytes(), report.toString());
        assertEquals(List.of(), ReportSchema.faults(Files.readString(folder.resolve("report.json"))));
        assertEquals("KL divergence", report.allocation().loss());
        assertEquals(1, report.pareto().stream().filter(Report.Point::chosen).count());
        assertTrue(
                report.layers().stream().allMatch(layer -> layer.losses().size() == 2 && layer.sensitivity() != null));
        assertEquals(
                3,
                Sensitivities.read(folder.resolve("sensitivities.json"))
                        .table()
                        .rows()
                        .size());
    }

    @Test
    void aMetricMayBeAGraphOfItsUser(@TempDir Path folder) throws IOException {
        // Given: a metric that counts labels missed, so less of it is better
        var builder = new GraphBuilder(17, 1);
        builder.op(
                "best",
                "ArgMax",
                Map.of("axis", 1L, "keepdims", 0L),
                builder.input("logits", DataType.FLOAT, -1, Networks.CLASSES));
        builder.op("hit", "Equal", "best", builder.input("labels", DataType.INT64, -1));
        builder.op("missed", "Cast", Map.of("to", 1L), builder.op("not", "Not", "hit"));
        ModelFile.write(builder.output("missed", DataType.FLOAT, -1).graph(), folder.resolve("missed.onnx"));
        store.put("inputs/missed.onnx", folder.resolve("missed.onnx"));
        var request = (ObjectNode) Json.MAPPER.readTree(TinyJob.request("own-metric", "tiny.onnx"));
        ((ObjectNode) request.path("evaluation"))
                .put("metric", "s3://quantline/inputs/missed.onnx")
                .put("better", "lower");
        request.putObject("recipe")
                .put("preset", "w8a8-fast")
                .put("weightBits", 2)
                .putObject("goal")
                .put("drop", 0);

        // When
        traffic.send(TOPICS.jobs(), "own-metric", Json.bytes(request));
        fetch(traffic.await("own-metric", TOPICS.completed(StageName.EXPORT), Event.Completed.class), folder);

        // Then
        var report = Report.read(folder.resolve("report.json"));
        assertEquals(new Report.Value("missed.onnx", 0), report.original().metric());
        assertTrue(report.quantized().metric().value() > 0, report.toString());
        assertEquals("goal-missed", report.status());
        assertEquals(new Report.Judged("missed.onnx", "logits", 300), report.judged());
        assertTrue(
                report.asked().command().contains("--metric missed.onnx --better lower"),
                report.asked().command());
    }

    @Test
    void everyLayerOfTheFileHasTheWeightsThatWereRoundedForItsWidth(@TempDir Path folder) throws IOException {
        // Given a job with one layer of 8 bits and two of 4
        var widths = Map.of("first/Gemm", "4/8", "second.product/MatMul", "8/8", "logits/Gemm", "4/8");
        var request = (ObjectNode) Json.MAPPER.readTree(TinyJob.request("pinned", "tiny.onnx"));
        request.putObject("recipe")
                .put("preset", "mixed")
                .putObject("allocate")
                .put("size", 0.9)
                .set("pinned", Json.tree(widths));
        traffic.send(TOPICS.jobs(), "pinned", Json.bytes(request));

        // When it is done
        fetch(traffic.await("pinned", TOPICS.completed(StageName.EXPORT), Event.Completed.class), folder);

        // Then each layer computes with the codes of its own width's weights
        var plans = Candidates.read(folder.resolve("candidates.json")).plans();
        var written = ModelFile.read(folder.resolve("model.onnx"));
        var changed = new HashSet<String>();
        for (var layer : widths.entrySet()) {
            var weight = plans.get(Width.parse(layer.getValue()))
                    .weightOf(layer.getKey())
                    .orElseThrow();
            var rounded =
                    ModelFile.read(folder.resolve(layer.getValue().equals("4/8") ? "tuned.onnx" : "rounded-8.onnx"));
            var expected =
                    weight.quantizer().fakeQuantize(rounded.initializers().get(weight.tensor()));
            var unrounded = weight.quantizer()
                    .fakeQuantize(ModelFile.read(folder.resolve("calibrated.onnx"))
                            .initializers()
                            .get(weight.tensor()));
            if (!unrounded.equals(expected)) {
                changed.add(layer.getKey());
            }
            assertArrayEquals(
                    expected.toFloats(),
                    restored(written, written.node(layer.getKey()).orElseThrow().input(1)),
                    1e-6f,
                    layer.getKey());
        }
        assertTrue(
                changed.contains("logits/Gemm"),
                "rounding to 4 bits changed codes where inputs go together, not only in " + changed);
    }

    /** What a constant behind DequantizeLinear is. */
    private static float[] restored(Graph written, String tensor) {
        var shown = written.copy();
        shown.outputs().add(ValueInfos.of(tensor, DataType.FLOAT));
        try (var session = Session.open(shown, Provider.cpu(), Session.Optimization.ALL)) {
            return session.run(Data.rows(1, 1)).get(tensor).toFloats();
        }
    }

    private void fetch(Event.Completed completed, Path folder) throws IOException {
        for (var result : completed.results().entrySet()) {
            Files.write(
                    folder.resolve(result.getKey()),
                    store.read(result.getValue().key()).orElseThrow());
        }
    }

    @Test
    void aNetworkFineTunedOnLabelsIsJudgedBeforeAndAfterQuantization(@TempDir Path folder) throws IOException {
        // Given a job with labelled training data
        var request = (ObjectNode) Json.MAPPER.readTree(TinyJob.request("fine-tuned", "tiny.onnx"));
        request.putObject("training")
                .put("data", request.path("calibration").asText())
                .put("loss", "cross_entropy");
        var tune = request.putObject("recipe").put("preset", "w4a4").putObject("tune");
        tune.putObject("training").put("steps", 20);
        tune.putObject("quanttune")
                .put("k", 2)
                .put("epochs", 20)
                .put("steps", 40)
                .put("batch", 16)
                .put("rate", 0.002);

        // When it goes through all stages
        traffic.send(TOPICS.jobs(), "fine-tuned", Json.bytes(request));
        var completed = traffic.await("fine-tuned", TOPICS.completed(StageName.EXPORT), Event.Completed.class);

        // Then the report says what fine-tuning did to the float network and to its quantized form
        Files.write(
                folder.resolve("report.json"),
                store.read(completed.results().get("report.json").key()).orElseThrow());
        var report = Report.read(folder.resolve("report.json"));
        var first = report.tuning().getFirst();
        assertTrue(
                first.method().equals("quanttune") && first.kept() && first.errorAfter() < first.errorBefore(),
                first.toString());
        assertEquals("top1", report.fineTuned().name());
        assertTrue(
                report.fineTuned().value() > 0.8
                        && report.fineTuned().value()
                                < report.original().metric().value(),
                report.toString());
        assertTrue(report.quantized().metric().value() > 0.7, report.toString());
        // And the tuner started from a network of other weights than the one calibrated first
        var calibrated = traffic.await("fine-tuned", TOPICS.completed(StageName.CALIBRATE), Event.Completed.class);
        var tuned = traffic.await("fine-tuned", TOPICS.completed(StageName.TUNE), Event.Completed.class);
        assertNotEquals(initializers(calibrated, "model.onnx", folder), initializers(tuned, "calibrated.onnx", folder));
    }

    private Map<String, Tensor> initializers(Event.Completed stage, String file, Path folder) throws IOException {
        return ModelFile.read(Files.write(
                        folder.resolve(file),
                        store.read(stage.results().get(file).key()).orElseThrow()))
                .initializers();
    }

    @Test
    void oneTraceFollowsAJobThroughAllStages() {
        submit("traced", "tiny.onnx");
        traffic.await("traced", TOPICS.completed(StageName.EXPORT), Event.Completed.class);

        var traces = Stream.concat(
                        Stream.of(StageName.values()).map(TOPICS::completed),
                        Stream.of(StageName.values()).map(TOPICS::workDone))
                .map(topic -> traffic.await(topic, record -> Arrays.equals(record.key(), "traced".getBytes())))
                .map(record ->
                        new String(record.headers().lastHeader("traceparent").value()).split("-")[1])
                .toList();

        assertEquals(1, Set.copyOf(traces).size(), traces.toString());
    }
}
