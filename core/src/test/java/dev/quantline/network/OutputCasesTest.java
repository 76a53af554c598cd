package dev.quantline.network;

import dev.quantline.calibrate.CalibrateSettings;
import dev.quantline.calibrate.RangeCriterion;
import dev.quantline.evaluate.Measure;
import dev.quantline.export.Exporter;
import dev.quantline.export.JudgedOutput;
import dev.quantline.export.Report;
import dev.quantline.fixture.Checkout;
import dev.quantline.fixture.Stages;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.plan.Target;
import dev.quantline.profile.Profiler;
import dev.quantline.runtime.Dataset;
import dev.quantline.runtime.Progress;
import dev.quantline.runtime.Provider;
import dev.quantline.runtime.Samples;
import dev.quantline.tune.Training;
import dev.quantline.tune.TuneSettings;
import dev.quantline.tune.Tuner;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Networks whose only or first output is no float: tuned on, and judged by, the floats it comes from. */
class OutputCasesTest {
    @TempDir
    private Path folder;

    private record Outcome(Tuner.Result tuned, Report report) {
    }

    private Outcome quantized(String name, int bits) throws IOException {
        var file = Checkout.shared("cases/quantize/" + name + "/model.onnx");
        var original = ModelFile.read(file);
        try (var data = Dataset.open(List.of(file.resolveSibling("data.npz")))) {
            var samples = new Samples(data, original, Map.of());
            var stages = Stages.run(Profiler.prepare(original), samples,
                CalibrateSettings.plain(new RangeCriterion.Mse(), bits, 8, List.of()));
            var settings = TuneSettings.reconstruct(Training.standard().withSteps(60));
            var tuned = Tuner.tune(stages.model(), stages.plan(), samples, settings, 16, Provider.cpu(), Progress.none());
            var report = Exporter.export(new Exporter.Job("job", "w4a8", file, tuned.model(), tuned.plan(), stages.table(),
                Target.CPU, Optional.empty(), samples, Measure.of("fidelity"), OptionalDouble.empty(), List.of(),
                new Report.Provenance("a", "b", "c", "1", 0), Exporter.Products.STANDARD, 16, Provider.cpu()), folder, Progress.none());
            assertEquals(original.outputs(), ModelFile.read(folder.resolve("model.onnx")).outputs());
            OnnxLibrary.check(ModelFile.read(folder.resolve("model.onnx")));
            return new Outcome(tuned, report);
        }
    }

    private static void assertTuned(Tuner.Result tuned) {
        assertTrue(tuned.steps().stream().anyMatch(step -> step.method().equals("reconstruct") && step.kept()), tuned.steps().toString());
        var whole = tuned.steps().getLast();
        assertEquals("all", whole.method());
        assertTrue(whole.kept() && whole.errorAfter() < whole.errorBefore(), whole.toString());
    }

    @Test
    void aMaskOfClassesIsTunedAndJudgedByTheScoresBeforeIt() throws IOException {
        var outcome = quantized("seg-resize-argmax", 4);

        assertTuned(outcome.tuned());
        var outputs = outcome.report().outputs();
        assertEquals(List.of("mask", "cls"), outputs.stream().map(JudgedOutput::name).toList());
        assertEquals("integer", outputs.getFirst().kind());
        assertEquals("mask", outputs.getLast().before());
        assertEquals(outputs.getLast().sqnrDb(), outcome.report().fidelity().sqnrDb());
        assertTrue(outputs.getLast().sqnrDb() > 10, outputs.toString());
        assertTrue(outputs.getFirst().agreement() > .8, outputs.toString());
    }

    @Test
    void aLabelBeforeItsProbabilitiesIsJudgedAsALabel() throws IOException {
        var outcome = quantized("label-first-probs-second", 4);

        assertTuned(outcome.tuned());
        var outputs = outcome.report().outputs();
        assertEquals(List.of("label", "probabilities"), outputs.stream().map(JudgedOutput::name).toList());
        assertEquals(List.of("integer", "float"), outputs.stream().map(JudgedOutput::kind).toList());
        assertEquals(outputs.getLast().cosine(), outcome.report().fidelity().cosine());
        assertTrue(outputs.getFirst().agreement() > .8, outputs.toString());
    }
}
