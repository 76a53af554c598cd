package dev.quantline.quantize.network;

import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import dev.quantline.fixture.Checkout;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.export.Exporter;
import dev.quantline.quantize.export.JudgedOutput;
import dev.quantline.quantize.export.Report;
import dev.quantline.quantize.fixture.Recipes;
import dev.quantline.quantize.fixture.Stages;
import dev.quantline.quantize.plan.Target;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Products;
import dev.quantline.quantize.tune.Tuner;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Networks with inputs whose batch axis is not the first, and whose only or first output is not of floats. */
class InputsAndOutputsTest {
    @TempDir
    private Path folder;

    private record Outcome(Tuner.Result tuned, Report report) {}

    private Outcome quantized(String name, int bits) throws IOException {
        var file = Checkout.shared("cases/quantize/" + name + "/model.onnx");
        return quantized(file, file.resolveSibling("data.npz"), bits);
    }

    private Outcome quantized(Path file, Path arrays, int bits) throws IOException {
        var original = ModelFile.read(file);
        try (var data = Dataset.open(List.of(arrays), original, Map.of())) {
            var samples = new Samples(data, original, Map.of());
            var stages = Stages.run(
                    PreparedModel.prepare(original),
                    samples,
                    CalibrateSettings.plain(ActivationRange.MSE, bits, 8, List.of()));
            var settings = Recipes.reconstruct(Recipes.training().withSteps(60));
            var tuned =
                    Tuner.tune(stages.model(), stages.plan(), samples, settings, 16, Provider.cpu(), Progress.none());
            var report = Exporter.export(
                    new Exporter.Job(
                            "job",
                            "w4a8",
                            file,
                            tuned.model(),
                            tuned.plan(),
                            stages.table(),
                            Target.CPU,
                            Optional.empty(),
                            samples,
                            Measure.of("fidelity"),
                            OptionalDouble.empty(),
                            List.of(),
                            new Report.Provenance("a", "b", "c", "1", 0),
                            Products.STANDARD,
                            16,
                            Provider.cpu()),
                    folder,
                    Progress.none());
            assertEquals(
                    original.outputs(),
                    ModelFile.read(folder.resolve("model.onnx")).outputs());
            OnnxLibrary.check(ModelFile.read(folder.resolve("model.onnx")));
            return new Outcome(tuned, report);
        }
    }

    private static void assertTuned(Tuner.Result tuned) {
        assertTrue(
                tuned.steps().stream().anyMatch(step -> step.method().equals("reconstruct") && step.kept()),
                tuned.steps().toString());
        var whole = tuned.steps().getLast();
        assertEquals("all", whole.method());
        assertTrue(whole.kept() && whole.errorAfter() < whole.errorBefore(), whole.toString());
    }

    @Test
    void aMaskOfClassesIsTunedAndJudgedByTheScoresBeforeIt() throws IOException {
        var outcome = quantized("seg-resize-argmax", 4);

        assertTuned(outcome.tuned());
        var outputs = outcome.report().outputs();
        assertEquals(
                List.of("mask", "cls"), outputs.stream().map(JudgedOutput::name).toList());
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
        assertEquals(
                List.of("label", "probabilities"),
                outputs.stream().map(JudgedOutput::name).toList());
        assertEquals(
                List.of("integer", "float"),
                outputs.stream().map(JudgedOutput::kind).toList());
        assertEquals(outputs.getLast().cosine(), outcome.report().fidelity().cosine());
        assertTrue(outputs.getFirst().agreement() > .8, outputs.toString());
    }

    @Test
    void outputsThatAreInputsConstantsOrMapsStayAndAreNotTunedFor() throws IOException {
        // Given
        var network = Networks.mlp(1).withOpset("", 17).withOpset("ai.onnx.ml", 3);
        network.nodes()
                .add(new Node("zip", "ZipMap", "ai.onnx.ml", List.of("logits"), List.of("maps"), Map.of())
                        .with(
                                "classlabels_int64s",
                                LongStream.range(0, Networks.CLASSES).toArray()));
        network.initializers().put("anchors", Tensor.vector(1f, 2f, 3f));
        network.outputs().add(0, ValueInfos.of("anchors", DataType.FLOAT, 3));
        network.outputs().add(0, network.inputs().getFirst());
        network.outputs()
                .add(
                        0,
                        ValueInfoProto.newBuilder()
                                .setName("maps")
                                .setType(TypeProto.newBuilder()
                                        .setSequenceType(TypeProto.Sequence.newBuilder()
                                                .setElemType(TypeProto.newBuilder()
                                                        .setMapType(TypeProto.Map.newBuilder()
                                                                .setKeyType(DataType.INT64.code())
                                                                .setValueType(ValueInfos.of("value", DataType.FLOAT)
                                                                        .getType())))))
                                .build());
        var file = folder.resolve("original.onnx");
        ModelFile.write(network, file);

        // When
        var outcome = quantized(file, Data.write(folder.resolve("data.npz"), Data.rows(64, 1)), 4);

        // Then
        assertTuned(outcome.tuned());
        assertEquals(
                List.of("x", "anchors", "logits"),
                outcome.report().outputs().stream().map(JudgedOutput::name).toList());
        assertEquals(200, outcome.report().outputs().getFirst().sqnrDb());
        assertEquals(
                outcome.report().outputs().getLast().sqnrDb(),
                outcome.report().fidelity().sqnrDb());
        assertTrue(
                outcome.report().notes().stream().anyMatch(note -> note.contains("'maps'")),
                outcome.report().notes().toString());
    }

    @Test
    void aScalarIsTheSameForAllSamples() throws IOException {
        var outcome = quantized("int32-bool-scalar", 4);

        assertTuned(outcome.tuned());
        assertEquals(List.of(1, 2, 5), outcome.report().simulation().shapes());
        assertTrue(
                outcome.report().fidelity().sqnrDb() > 10,
                outcome.report().outputs().toString());
    }

    @Test
    void samplesAlongTheSecondAxisAreTunedInBatchesAndJudgedOneByOne() throws IOException {
        var outcome = quantized("gru-time-major", 4);

        assertTuned(outcome.tuned());
        assertEquals(List.of(1, 2, 5), outcome.report().simulation().shapes());
        assertEquals(
                List.of("y", "Yh"),
                outcome.report().outputs().stream().map(JudgedOutput::name).toList());
        var y = outcome.report().outputs().getFirst();
        assertTrue(y.sqnrDb() > 10, y.toString());
        // each sample against itself: the mean of the cosines, whatever batches the samples were run in
        assertEquals(cosine("gru-time-major"), y.cosine(), 1e-4);
    }

    private double cosine(String name) throws IOException {
        var file = Checkout.shared("cases/quantize/" + name + "/model.onnx");
        var alone = new ArrayList<Double>();
        try (var data = Dataset.open(List.of(file.resolveSibling("data.npz")));
                var before = Session.open(file, Provider.cpu(), Session.Optimization.ALL);
                var after = Session.open(folder.resolve("model.onnx"), Provider.cpu(), Session.Optimization.ALL)) {
            new Samples(data, ModelFile.read(file), Map.of())
                    .forEachBatch(
                            0,
                            data.size(),
                            1,
                            fed -> alone.add(cosine(
                                    before.run(fed.arrays()).get("y").toFloats(),
                                    after.run(fed.arrays()).get("y").toFloats())));
        }
        return alone.stream().mapToDouble(each -> each).average().orElseThrow();
    }

    private static double cosine(float[] a, float[] b) {
        double ab = 0;
        double aa = 0;
        double bb = 0;
        for (int i = 0; i < a.length; i++) {
            ab += (double) a[i] * b[i];
            aa += (double) a[i] * a[i];
            bb += (double) b[i] * b[i];
        }
        return ab / Math.sqrt(aa * bb);
    }
}
