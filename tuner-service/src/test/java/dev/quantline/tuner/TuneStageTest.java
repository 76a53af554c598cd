package dev.quantline.tuner;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.job.JobReader;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.stage.Earlier;
import dev.quantline.pipeline.stage.Item;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.calibrate.Calibrator;
import dev.quantline.quantize.calibrate.RangeCriterion;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.profile.Profile;
import dev.quantline.quantize.profile.Profiler;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class TuneStageTest {
    private static final int SAMPLES = 64;

    @TempDir
    private Path folder;

    private static JobRequest job() throws IOException {
        return JobReader.read(Json.MAPPER.readTree("""
                {"model": "s3://bucket/m.onnx", "calibration": "s3://bucket/c.npz", "recipe": {"preset": "w4a4",
                 "tune": {"samples": 64, "training": {"steps": 3, "batch": 8}}}}"""), "sliced");
    }

    private static JobRequest text(boolean write) throws IOException {
        return JobReader.read(Json.MAPPER.readTree("""
                {"model": "s3://bucket/m.onnx", "calibration": "s3://bucket/c.npz",
                 "evaluation": {"data": "s3://bucket/v.npz", "metric": "perplexity"}, "recipe": {"preset": "w4a8",
                 "tune": {"samples": 64, "write": WRITE, "whole": "all", "training": {"steps": 3, "batch": 8}}}}
                """.replace("WRITE", String.valueOf(write))), "text");
    }

    private static JobRequest mixed(String layers, String rounding) throws IOException {
        return JobReader.read(
                Json.MAPPER.readTree("""
                {"model": "s3://bucket/m.onnx", "calibration": "s3://bucket/c.npz", "recipe": {"preset": "mixed",
                 "tune": {"samples": 64, "layers": "LAYERS", "rounding": "ROUNDING", "training": {"steps": 3, "batch": 8}}}}
                """.replace("LAYERS", layers).replace("ROUNDING", rounding)), "mixed");
    }

    private static JobRequest fineTuned() throws IOException {
        var job = Json.MAPPER.readTree("""
                {"model": "s3://bucket/m.onnx", "calibration": "s3://bucket/c.npz",
                 "training": {"data": "s3://bucket/t.npz", "loss": "cross_entropy"},
                 "recipe": {"preset": "w4a4", "tune": {"samples": 64, "training": {"steps": 3, "batch": 8},
                  "quanttune": {"k": 2, "steps": 40, "epochs": 20, "batch": 16, "rate": 0.002}}}}""");
        return JobReader.read(job, "fine-tuned");
    }

    /** 16 short sequences for a transformer where the job is of text, rows for a perceptron else. */
    private Map<String, List<Path>> inputs(JobRequest job) throws IOException {
        boolean text = job.id().equals("text");
        var model = PreparedModel.prepare(text ? Networks.transformer(1) : Networks.mlp(1));
        var data = Data.write(folder.resolve("data.npz"), text ? Data.tokens(16, 6, 2) : Data.rows(SAMPLES, 2));
        var base = job.recipe().base();
        var settings = CalibrateSettings.plain(new RangeCriterion.Mse(), base.weights(), base.activations(), List.of())
                .withCandidates(List.of(4, 8));
        try (var dataset = Dataset.open(List.of(data))) {
            var samples = new Samples(dataset, model, Map.of());
            var profile =
                    Profiler.observe(model, samples, 0, samples.size(), 16, List.of(), Provider.cpu(), Progress.none());
            var calibrated =
                    Calibrator.calibrate(model, profile, samples, settings, 16, Provider.cpu(), Progress.none());
            ModelFile.write(calibrated.model(), folder.resolve("model.onnx"));
            calibrated.plan().write(folder.resolve("plan.json"));
            calibrated.table().write(folder.resolve("calibration.json"));
        }
        ModelFile.write(model, folder.resolve("prepared.onnx"));
        new Profile(SAMPLES, Map.of()).write(folder.resolve("profile.json"));
        var labelled =
                Data.write(folder.resolve("train.npz"), Data.labelled(Networks.mlp(1), Data.rows(3 * SAMPLES, 5)));
        return Map.of(
                "model",
                List.of(folder.resolve("model.onnx")),
                "plan",
                List.of(folder.resolve("plan.json")),
                "table",
                List.of(folder.resolve("calibration.json")),
                "calibration",
                List.of(data),
                "prepared",
                List.of(folder.resolve("prepared.onnx")),
                "profile",
                List.of(folder.resolve("profile.json")),
                "training",
                List.of(labelled));
    }

    /** Runs slice after slice, each from the checkpoint of the one before, in folders of their own. */
    private Outcome.Done run(JobRequest job, Duration slice, int leastSlices) throws IOException {
        var inputs = inputs(job);
        var checkpoint = Optional.<Path>empty();
        for (int slices = 1; ; slices++) {
            var work = Files.createTempDirectory(folder, "work");
            var context = new StageContext(
                    job,
                    inputs,
                    new Earlier(Map.of()),
                    work,
                    Spilling.usual(),
                    checkpoint,
                    Progress.none(),
                    () -> new Event.Seconds(1, 1, 0, 0),
                    file -> {},
                    "test");
            switch (new TuneStage(Provider.cpu(), slice).run(context, Item.of("tune", true))) {
                case Outcome.Done done -> {
                    assertTrue(slices >= leastSlices, slices + " slices");
                    return done;
                }
                case Outcome.Continue pause -> checkpoint = Optional.of(stored(pause));
            }
        }
    }

    /** A checkpoint as the store brings it back: all files in one folder. */
    private Path stored(Outcome.Continue pause) throws IOException {
        var brought = Files.createTempDirectory(folder, "checkpoint");
        for (var file : pause.checkpoint().entrySet()) {
            Files.copy(file.getValue(), brought.resolve(file.getKey()));
        }
        return brought;
    }

    private static void assertSame(Outcome.Done one, Outcome.Done other) throws IOException {
        assertEquals(one.files().keySet(), other.files().keySet());
        for (String file : one.files().keySet().stream()
                .filter(name -> !name.equals("model.onnx"))
                .toList()) {
            assertArrayEquals(
                    Files.readAllBytes(one.files().get(file)),
                    Files.readAllBytes(other.files().get(file)),
                    file);
        }
    }

    @Test
    void manySlicesLeaveWhatOneLeaves() throws IOException {
        var whole = run(job(), Duration.ofHours(1), 1);
        var sliced = run(job(), Duration.ZERO, 4);

        assertSame(whole, sliced);
        var steps = Json.MAPPER.readTree(sliced.files().get("tuning.json").toFile());
        assertEquals("compensated rounding", steps.get(0).path("method").asText());
        assertTrue(steps.findValues("curve").stream().anyMatch(curve -> curve.size() > 1), steps.toString());
    }

    @Test
    void everyWidthThatLayersMayGetIsRoundedAndTheBaseTunedFromThere() throws IOException {
        var rounded = run(mixed("off", "compensated"), Duration.ofHours(1), 1);
        var nearest = run(mixed("off", "nearest"), Duration.ofHours(1), 1);

        assertEquals(
                Set.of("model.onnx", "plan.json", "tuning.json", "rounded-8.onnx"),
                rounded.files().keySet());
        var steps = steps(rounded);
        assertEquals(
                List.of("compensated rounding", "bias correction", "compensated rounding", "bias correction"),
                steps.findValuesAsText("method"));
        assertTrue(
                steps.get(0).path("kept").asBoolean()
                        && steps.get(1).path("part").asText().equals("weights of 4 bits"),
                steps.toString());
        assertTrue(
                heldOutError(rounded) < .9 * heldOutError(nearest),
                heldOutError(rounded) + ", nearest " + heldOutError(nearest));

        // What learns starts from the rounded weights of the base width, whatever slice it is in.
        var whole = run(mixed("reconstruct", "compensated"), Duration.ofHours(1), 1);
        var sliced = run(mixed("reconstruct", "compensated"), Duration.ZERO, 4);
        assertSame(whole, sliced);
        var all = steps(sliced).get(steps(sliced).size() - 1);
        assertEquals("all", all.path("method").asText());
        double start = steps.get(1)
                .path(steps.get(1).path("kept").asBoolean() ? "errorAfter" : "errorBefore")
                .asDouble();
        assertEquals(start, all.path("errorBefore").asDouble(), 1e-6 * start);
        assertEquals(
                1,
                steps(sliced).findValuesAsText("part").stream()
                                .filter("weights of 4 bits"::equals)
                                .count()
                        / 2);
    }

    private static JsonNode steps(Outcome.Done done) throws IOException {
        return Json.MAPPER.readTree(done.files().get("tuning.json").toFile());
    }

    /** Squared error of the base width's model on rows that nothing was tuned on. */
    private static double heldOutError(Outcome.Done done) throws IOException {
        var reference = PreparedModel.prepare(Networks.mlp(1));
        var quantized = QuantizationPlan.read(done.files().get("plan.json"))
                .applyTo(ModelFile.read(done.files().get("model.onnx")));
        double sum = 0;
        try (var before = Session.open(reference, Provider.cpu(), Session.Optimization.EXACT);
                var after = Session.open(quantized, Provider.cpu(), Session.Optimization.EXACT)) {
            var rows = Data.rows(4 * SAMPLES, 11);
            var expected = before.run(rows).get("logits").toFloats();
            var actual = after.run(rows).get("logits").toFloats();
            for (int i = 0; i < expected.length; i++) {
                sum += Math.pow(expected[i] - actual[i], 2);
            }
        }
        return sum;
    }

    @Test
    void aLanguageModelShortOfSamplesWritesSomeFirst() throws IOException {
        var whole = run(text(true), Duration.ofHours(1), 2);
        var sliced = run(text(true), Duration.ZERO, 5);
        var without = run(text(false), Duration.ofHours(1), 1);

        assertSame(whole, sliced);
        var steps = Json.MAPPER.readTree(whole.files().get("tuning.json").toFile());
        assertNotEquals(Json.MAPPER.readTree(without.files().get("tuning.json").toFile()), steps);
        assertTrue(steps.findValuesAsText("method").contains("whole"), steps.toString());
    }

    @Test
    void fineTuningComesFirstAndIsCalibratedAgain() throws IOException {
        var whole = run(fineTuned(), Duration.ofHours(1), 2);
        var sliced = run(fineTuned(), Duration.ZERO, 40);

        assertSame(whole, sliced);
        var first =
                Json.MAPPER.readTree(whole.files().get("tuning.json").toFile()).get(0);
        assertEquals("quanttune", first.path("method").asText());
        assertTrue(
                first.path("kept").asBoolean()
                        && first.path("errorAfter").asDouble()
                                < first.path("errorBefore").asDouble(),
                first.toString());
        assertNotEquals(
                ModelFile.read(folder.resolve("model.onnx")).initializers(),
                ModelFile.read(whole.files().get("calibrated.onnx")).initializers());
        assertFalse(CalibrationTable.read(whole.files().get("calibration.json"))
                .activations()
                .isEmpty());
    }

    @Test
    void whatFineTuningMakesWorseIsNotTaken() throws IOException {
        var request = Json.tree(fineTuned()).deepCopy();
        ((ObjectNode) request.at("/recipe/tune/quanttune")).put("rate", 30);
        var wild = run(Json.MAPPER.treeToValue(request, JobRequest.class), Duration.ofHours(1), 2);

        var first =
                Json.MAPPER.readTree(wild.files().get("tuning.json").toFile()).get(0);
        assertFalse(first.path("kept").asBoolean(), first.toString());
        assertFalse(wild.files().containsKey("calibrated.onnx"), wild.files().toString());
    }
}
