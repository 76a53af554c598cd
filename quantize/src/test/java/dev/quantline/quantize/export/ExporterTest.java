package dev.quantline.quantize.export;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.fixture.ReportSchema;
import dev.quantline.quantize.fixture.Stages;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.plan.Observed;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.plan.Target;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.Products;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ExporterTest {
    private static final Report.Provenance ORIGIN = new Report.Provenance("aa", "bb", "cc", "1.2.3", 7);

    @TempDir
    private Path folder;

    private Report export(String metric, OptionalDouble goal, boolean labels) throws IOException {
        var original = Networks.conv(1).withMetadata(Map.of("author", "someone"));
        var file = folder.resolve("original.onnx");
        ModelFile.write(original, file);
        var arrays = Data.images(48, 3);
        var path = Data.write(folder.resolve("data.npz"), labels ? Data.labelled(original, arrays) : arrays);
        try (var data = Dataset.open(List.of(path))) {
            var samples = new Samples(data, original, Map.of());
            var stages = Stages.run(PreparedModel.prepare(original), samples, CalibrateSettings.int8());
            var job = new Exporter.Job(
                    "a-job",
                    "int8",
                    file,
                    stages.model(),
                    stages.plan(),
                    stages.table(),
                    Target.CPU,
                    Optional.empty(),
                    samples,
                    Measure.of(metric),
                    goal,
                    List.of(new Report.Step(
                            "reconstruct",
                            "layer1",
                            .2,
                            .1,
                            true,
                            List.of(new Report.Step.Point(0, .2), new Report.Step.Point(9, .1)))),
                    ORIGIN,
                    Products.STANDARD,
                    16,
                    Provider.cpu());
            return Exporter.export(job, folder, Progress.none()).withStages(Map.of("profile", new Report.Stage(2, .1)));
        }
    }

    @Test
    void theExportedModelIsTheOriginalInIntegers() throws IOException {
        export("top1", OptionalDouble.empty(), true);

        var original = ModelFile.read(folder.resolve("original.onnx"));
        var exported = ModelFile.read(folder.resolve("model.onnx"));
        OnnxLibrary.check(exported);
        assertEquals(original.inputs(), exported.inputs());
        assertEquals(original.outputs(), exported.outputs());
        assertEquals("someone", exported.metadata().get("author"));
        assertEquals("aa", exported.metadata().get("quantline.model.sha256"));
        assertEquals("7", exported.metadata().get("quantline.seed"));
        var ours = exported.metadata().keySet().stream()
                .filter(key -> key.startsWith("quantline."))
                .toList();
        assertEquals(
                Stream.of(
                                "data.sha256",
                                "layers",
                                "model.sha256",
                                "recipe",
                                "seed",
                                "settings.sha256",
                                "target",
                                "version")
                        .map(key -> "quantline." + key)
                        .toList(),
                ours,
                "in the same order in every process, with nothing specific to this job");
        try (var session = Session.open(folder.resolve("model.onnx"), Provider.cpu(), Session.Optimization.ALL)) {
            assertEquals(5, session.run(Data.images(5, 1)).get("logits").dim(0));
        }
    }

    @Test
    void theReportSaysWhatWasMeasured() throws IOException {
        var report = export("top1", OptionalDouble.of(.5), true);

        assertEquals("done", report.status());
        assertNull(report.message());
        assertEquals(
                Files.size(folder.resolve("original.onnx")), report.original().bytes());
        assertEquals(
                Files.size(folder.resolve("model.onnx")), report.quantized().bytes());
        assertEquals(1, report.original().metric().value());
        assertTrue(
                report.quantized().metric().value() > .8,
                "top1 " + report.quantized().metric().value());
        assertTrue(report.original().latencyMs() > 0 && report.quantized().latencyMs() > 0);
        assertTrue(
                report.fidelity().cosine() > .99, "cosine " + report.fidelity().cosine());
        assertEquals(new Kernels(5, 0, 0), report.kernels());
        assertEquals(List.of(1, 2, 5), report.simulation().shapes());
        assertTrue(report.simulation().sqnrDb() > report.fidelity().sqnrDb(), "simulation " + report.simulation());
        assertEquals(
                report.quantized().latencyMs() > 1.1 * report.original().latencyMs() ? 1 : 0,
                report.notes().size());
        assertEquals(new Report.Judged("top1", "logits", 48), report.judged());
        var exported = ModelFile.read(folder.resolve("model.onnx"));
        assertEquals(
                List.of(new Usage.Input("image", "FLOAT", List.of("batch", "3", "8", "8"), 0, null)),
                report.usage().inputs());
        assertEquals(
                new Usage(report.usage().inputs(), List.of("logits"), exported.opset(), List.of(), null),
                report.usage());
        assertEquals(8, report.quantized().averageWeightBits());
        assertEquals(8, report.quantized().averageActivationBits());
        assertEquals(
                List.of("Conv", "Conv", "Conv", "Conv", "Gemm"),
                report.layers().stream().map(Report.Layer::type).toList());
        for (var layer : report.layers()) {
            assertEquals(
                    new Report.Layer(
                            layer.name(),
                            layer.type(),
                            8,
                            8,
                            "uniform",
                            "mse",
                            layer.weights(),
                            layer.weights(),
                            null,
                            layer.weightError(),
                            layer.inputSqnrDb(),
                            null),
                    layer);
            assertTrue(
                    layer.weightError() > 0 && layer.weightError() < .01 && layer.inputSqnrDb() > 20, layer.toString());
            assertTrue(layer.weights() > 0);
        }
    }

    @Test
    void aMissedGoalIsSaidAndTheModelIsThere() throws IOException {
        var report = export("fidelity", OptionalDouble.of(-1), false);

        assertEquals("goal-missed", report.status());
        assertTrue(report.message().contains("-1.0000"), report.message());
        assertTrue(Files.exists(folder.resolve("model.onnx")));
        assertEquals(report.fidelity().cosine(), report.quantized().metric().value());
    }

    private static Set<String> names(JsonNode node) {
        var names = new TreeSet<String>();
        node.fieldNames().forEachRemaining(names::add);
        return names;
    }

    @Test
    void theJsonHasTheFieldsOfTheContract() throws IOException {
        export("top1", OptionalDouble.empty(), true).write(folder);

        var json = new ObjectMapper().readTree(folder.resolve("report.json").toFile());
        var expected = new ArrayList<>(List.of(
                "job",
                "status",
                "recipe",
                "float",
                "quantized",
                "fidelity",
                "layers",
                "stages",
                "pareto",
                "provenance",
                "kernels",
                "simulation",
                "notes",
                "outputs",
                "latencySamples"));
        expected.removeAll(names(json));
        assertEquals(List.of(), expected);
        assertEquals(Set.of("bytes", "latencyMs", "metric"), names(json.get("float")));
        assertEquals(
                Set.of("averageActivationBits", "averageWeightBits", "bytes", "latencyMs", "metric"),
                names(json.get("quantized")));
        assertEquals(Set.of("name", "value"), names(json.at("/quantized/metric")));
        assertEquals(Set.of("cosine", "sqnrDb"), names(json.get("fidelity")));
        assertEquals(
                Set.of(
                        "activationBits",
                        "activationQuantizer",
                        "bytes",
                        "name",
                        "range",
                        "sensitivity",
                        "type",
                        "weightBits",
                        "weights",
                        "weightError",
                        "inputSqnrDb"),
                names(json.at("/layers/0")));
        assertEquals(Set.of("name", "kind", "cosine", "sqnrDb"), names(json.at("/outputs/0")));
        assertEquals(2.0, json.at("/stages/profile/seconds").asDouble());
        assertEquals(
                Set.of("dataSha256", "modelSha256", "seed", "settingsSha256", "version"),
                names(json.get("provenance")));
        assertFalse(json.has("message"));
        assertEquals(List.of(), ReportSchema.faults(json.toString()));
    }

    @Test
    void jsonIsReadBackTheSame() throws IOException {
        var report = export("top1", OptionalDouble.empty(), true);
        report.write(folder);

        assertEquals(report, Report.read(folder.resolve("report.json")));
    }

    @Test
    void thePageNeedsNothingFromOutsideAndItsDataCannotBreakOut() {
        // Given
        var report = Reports.mixedMissed();

        // When
        String page = report.toHtml(Reports.gallery());

        // Then: the browser is told to load nothing, and nothing outside the chart library would
        String own = page.substring(0, page.indexOf("<script>")) + page.substring(page.indexOf("</script>"));
        assertTrue(page.contains("default-src 'none'"));
        assertFalse(own.contains("http:") || own.contains("https:"), "the page refers to the network");
        assertFalse(own.replace("\\u003cimg src=x", "").contains("src=")
                || own.contains("@import")
                || own.contains("url("));
        List.of("report", "gallery", "chart", "page", "usage", "sites", "bits", "curves")
                .forEach(part -> assertFalse(page.contains("\"@" + part + "@\""), part));
        assertEquals(2, page.split("</script>", -1).length - 1);
        assertFalse(own.contains("<!--"));
        assertTrue(page.contains("\\u003c/script>"));
    }

    @Test
    void everyActivationIsInThePictures() {
        // Given
        var observed = new Observed(-1, .5, List.of(1L, 4L, 0L, 2L), 0, .7, 3, Map.of(), List.of(), List.of());
        var grid = Uniform.asymmetric(8, -1, 1);
        var table = new CalibrationTable(
                List.of(
                        new CalibrationTable.Activation(
                                "x",
                                "input",
                                Set.of("a"),
                                "x",
                                observed,
                                null,
                                List.of(new CalibrationTable.ActivationCandidate(8, grid, "mse", 40, null))),
                        new CalibrationTable.Activation(
                                "scores", "other", Set.of("b"), "scores", observed, "it holds a mask", List.of())),
                List.of(),
                List.of());
        var plan = new QuantizationPlan(
                List.of(new QuantizationPlan.Activation("x", Set.of("a"), grid, "mse")), List.of());

        // When
        var pictures = ReportPlots.of(table, plan).sites();

        // Then
        assertEquals(
                List.of("x", "scores"),
                pictures.stream().map(ReportPlots.Picture::tensor).toList());
        assertEquals(grid.lowest(0), pictures.getFirst().low());
        assertEquals(40, pictures.getFirst().sqnrDb());
        assertEquals("it holds a mask", pictures.getLast().left());
    }

    @Test
    void evaluationDataWithoutLabelsIsRefusedForTop1() {
        assertTrue(assertThrows(BadInput.class, () -> export("top1", OptionalDouble.empty(), false))
                .getMessage()
                .contains("'labels'"));
    }
}
