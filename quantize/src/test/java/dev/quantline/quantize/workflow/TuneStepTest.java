package dev.quantline.quantize.workflow;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.calibrate.Calibrator;
import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.finetune.Task;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.profile.Profile;
import dev.quantline.quantize.profile.Profiler;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.RecipeReader;
import dev.quantline.quantize.settings.TuningMethod;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class TuneStepTest {
    private static final int SAMPLES = 64;
    private static final Resources RESOURCES = new Resources(Provider.cpu(), Resources.MOST, Spilling.usual());

    @TempDir
    private Path folder;

    private static QuantizationSettings settings(String recipe) {
        try {
            return QuantizationSettings.of(RecipeReader.read(Json.stated(recipe.getBytes())));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static QuantizationSettings plain() {
        return settings("""
                {"preset": "w4a4", "tune": {"samples": 64, "training": {"steps": 3, "batch": 8}}}""");
    }

    private static QuantizationSettings text(boolean write) {
        return settings("""
                {"preset": "w4a8", "tune": {"samples": 64, "write": WRITE, "whole": "all",
                 "training": {"steps": 3, "batch": 8}}}""".replace("WRITE", String.valueOf(write))).with(Measure.of("perplexity"));
    }

    private static QuantizationSettings mixed(String layers, String rounding) {
        return settings("""
                {"preset": "mixed", "tune": {"samples": 64, "layers": "LAYERS", "rounding": "ROUNDING",
                 "training": {"steps": 3, "batch": 8}}}""".replace("LAYERS", layers).replace("ROUNDING", rounding));
    }

    private static QuantizationSettings fineTuned(double rate) {
        var settings = settings("""
                {"preset": "w4a4", "tune": {"samples": 64, "training": {"steps": 3, "batch": 8},
                 "quanttune": {"k": 2, "steps": 40, "epochs": 20, "batch": 16, "rate": RATE}}}""".replace("RATE", String.valueOf(rate)));
        return new QuantizationSettings(
                settings.recipe(), settings.target(), settings.data(), settings.measure(), Task.CROSS_ENTROPY);
    }

    /** 16 short sequences for a transformer if samples are text; otherwise rows for a perceptron. */
    private TuneStep.Input input(QuantizationSettings wanted) throws IOException {
        boolean text = wanted.isText();
        var model = PreparedModel.prepare(text ? Networks.transformer(1) : Networks.mlp(1));
        var data = Data.write(folder.resolve("data.npz"), text ? Data.tokens(16, 6, 2) : Data.rows(SAMPLES, 2));
        var base = wanted.recipe().base();
        var settings = CalibrateSettings.plain(ActivationRange.MSE, base.weights(), base.activations(), List.of())
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
        return new TuneStep.Input(
                List.of(folder.resolve("model.onnx")),
                folder.resolve("plan.json"),
                folder.resolve("calibration.json"),
                List.of(data),
                wanted.fineTuning()
                        .map(_ -> new TuneStep.Train(
                                folder.resolve("prepared.onnx"), folder.resolve("profile.json"), List.of(labelled))));
    }

    private TuneStep.Slice.Done whole(QuantizationSettings settings) throws IOException {
        return TuneStep.run(
                input(settings), settings, RESOURCES, Files.createTempDirectory(folder, "whole"), Progress.none());
    }

    /** Runs slice after slice, one training step each, from the checkpoint of the previous one, in separate folders. */
    private TuneStep.Slice.Done sliced(QuantizationSettings settings, int leastSlices) throws IOException {
        return sliced(input(settings), settings, leastSlices, TuneStep::advance);
    }

    private interface Advance {
        TuneStep.Slice slice(TuneStep step, BooleanSupplier stop, Progress progress) throws IOException;
    }

    private TuneStep.Slice.Done sliced(
            TuneStep.Input input, QuantizationSettings settings, int leastSlices, Advance advance) throws IOException {
        var checkpoint = Optional.<Path>empty();
        for (int slices = 1; ; slices++) {
            var work = Files.createTempDirectory(folder, "work");
            var asked = new AtomicBoolean();
            switch (advance.slice(
                    new TuneStep(input, settings, RESOURCES, work, checkpoint, () -> 1),
                    () -> asked.getAndSet(true),
                    Progress.none())) {
                case TuneStep.Slice.Done done -> {
                    assertTrue(slices >= leastSlices, slices + " slices");
                    return done;
                }
                case TuneStep.Slice.Paused paused -> checkpoint = Optional.of(stored(paused));
            }
        }
    }

    /** A checkpoint as the store returns it: all files in one folder. */
    private Path stored(TuneStep.Slice.Paused pause) throws IOException {
        return stored(pause.checkpoint());
    }

    private Path stored(Map<String, Path> files) throws IOException {
        var brought = Files.createTempDirectory(folder, "brought");
        for (var file : files.entrySet()) {
            Files.copy(file.getValue(), brought.resolve(file.getKey()));
        }
        return brought;
    }

    private static void assertSame(TuneStep.Slice.Done one, TuneStep.Slice.Done other) throws IOException {
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
        var whole = whole(plain());
        var sliced = sliced(plain(), 4);

        assertSame(whole, sliced);
        var steps = Json.MAPPER.readTree(sliced.files().get("tuning.json").toFile());
        assertEquals("compensated rounding", steps.get(0).path("method").asText());
        assertTrue(steps.findValues("curve").stream().anyMatch(curve -> curve.size() > 1), steps.toString());
    }

    /** Every part by itself, one training step a slice, those of a phase in reverse. */
    private TuneStep.Slice.Done shared(QuantizationSettings settings) throws IOException {
        var input = input(settings);
        var planning = new TuneStep(
                input, settings, RESOURCES, Files.createTempDirectory(folder, "work"), Optional.empty(), () -> 1);
        var finished = new ArrayList<Path>();
        TuneStep.Slice.Done last = null;
        var phases = new SharedTuning(planning).phases();
        for (var phase : phases) {
            var before = List.copyOf(finished);
            var now = new ArrayDeque<Path>();
            for (var part : phase.reversed()) {
                last = sliced(
                        input,
                        settings,
                        part.name().contains("sweep") ? 3 : 1,
                        (step, stop, progress) -> new SharedTuning(step).run(part, before, stop, progress));
                now.addFirst(stored(last.files()));
            }
            finished.addAll(now);
        }
        var tune = settings.recipe().tune();
        var sweeps = phases.stream()
                .filter(phase -> phase.stream().anyMatch(part -> part.name().contains("sweep")))
                .toList();
        assertEquals(tune.layers() == TuningMethod.OFF ? 0 : tune.sweeps(), sweeps.size());
        assertTrue(sweeps.stream().allMatch(sweep -> sweep.size() > 1), "a sweep over one piece shows nothing");
        return last;
    }

    private static QuantizationSettings ordered(String order, String more) {
        return settings("""
                {"preset": "w4a4", "tune": {"order": "ORDER", MORE "samples": 64,
                 "training": {"steps": 60, "batch": 8}}}""".replace("ORDER", order).replace("MORE", more));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "\"sweeps\": 4, ",
                "\"layers\": \"adaquant\", ",
                "\"rounding\": \"nearest\", ",
                "\"bias\": true, "
            })
    void piecesTrainedByThemselvesComeOutAsInOneRun(String more) throws IOException {
        var settings = ordered("rounded", more);

        var whole = whole(settings);

        assertSame(whole, shared(settings));
        var sequential = heldOutError(whole(ordered("sequential", more)));
        assertTrue(heldOutError(whole) < 1.2 * sequential, heldOutError(whole) + ", sequential " + sequential);
        var trained = steps(whole)
                .valueStream()
                .filter(step ->
                        !step.path("curve").isEmpty() && step.path("kept").asBoolean())
                .count();
        assertTrue(trained > 1, steps(whole).toString());
        var ends = steps(whole)
                .valueStream()
                .filter(step -> List.of("reconstruct", "adaquant")
                        .contains(step.path("method").asText()))
                .map(step -> step.path("curve")
                        .get(step.path("curve").size() - 1)
                        .path("step")
                        .asInt())
                .collect(Collectors.toSet());
        assertEquals(Set.of(60 / settings.recipe().tune().sweeps()), ends);
    }

    @ParameterizedTest
    @ValueSource(strings = {"\"layers\": \"off\", ", "\"layers\": \"off\", \"rounding\": \"nearest\", "})
    void whatIsNotTrainedIsSharedTooAndHasNoSweeps(String more) throws IOException {
        var settings = ordered("rounded", more);

        var whole = whole(settings);

        assertSame(whole, shared(settings));
        var methods = steps(whole).findValuesAsText("method");
        assertEquals(!more.contains("nearest"), methods.contains("compensated rounding"), methods.toString());
        assertTrue(
                steps(whole).valueStream().allMatch(step -> step.path("curve").isEmpty()), methods.toString());
    }

    @Test
    void whatPiecesCannotShareIsRefused() {
        var refusal = assertThrows(
                BadInput.class,
                () -> SharedTuning.check(RecipeReader.read(Json.stated(
                        "{\"preset\": \"w4a4\", \"tune\": {\"order\": \"rounded\", \"minutes\": 2}}".getBytes()))));
        assertEquals(
                "tune.order 'rounded' does not go with tune.minutes (set tune.training.steps instead); 'sequential' does",
                refusal.getMessage());
    }

    @Test
    void everyWidthThatLayersMayGetIsRoundedAndTheBaseTunedFromThere() throws IOException {
        var rounded = whole(mixed("off", "compensated"));
        var nearest = whole(mixed("off", "nearest"));

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

        // Training starts from the rounded weights of the base width, whichever slice it is in.
        var whole = whole(mixed("reconstruct", "compensated"));
        var sliced = sliced(mixed("reconstruct", "compensated"), 4);
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

    private static JsonNode steps(TuneStep.Slice.Done done) throws IOException {
        return Json.MAPPER.readTree(done.files().get("tuning.json").toFile());
    }

    /** Squared error of the base width's model on rows that nothing was tuned on. */
    private static double heldOutError(TuneStep.Slice.Done done) throws IOException {
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
        var whole = whole(text(true));
        var sliced = sliced(text(true), 5);
        var without = whole(text(false));

        assertSame(whole, sliced);
        var steps = Json.MAPPER.readTree(whole.files().get("tuning.json").toFile());
        assertNotEquals(Json.MAPPER.readTree(without.files().get("tuning.json").toFile()), steps);
        assertTrue(steps.findValuesAsText("method").contains("whole"), steps.toString());
    }

    @Test
    void fineTuningComesFirstAndIsCalibratedAgain() throws IOException {
        var whole = whole(fineTuned(.002));
        var sliced = sliced(fineTuned(.002), 40);

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
        var wild = whole(fineTuned(30));

        var first =
                Json.MAPPER.readTree(wild.files().get("tuning.json").toFile()).get(0);
        assertFalse(first.path("kept").asBoolean(), first.toString());
        assertFalse(wild.files().containsKey("calibrated.onnx"), wild.files().toString());
    }
}
