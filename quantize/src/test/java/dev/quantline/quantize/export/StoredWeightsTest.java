package dev.quantline.quantize.export;

import dev.quantline.fixture.Checkout;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.fixture.Stages;
import dev.quantline.quantize.plan.Target;
import dev.quantline.quantize.settings.Products;
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

/** Networks most of whose weights have no integer kernel. */
class StoredWeightsTest {
    @TempDir
    private Path folder;

    private Report export(String name) throws IOException {
        var file = Checkout.shared("cases/quantize/" + name + "/model.onnx");
        var original = ModelFile.read(file);
        try (var data = Dataset.open(List.of(file.resolveSibling("data.npz")))) {
            var samples = new Samples(data, original, Map.of());
            var stages = Stages.run(PreparedModel.prepare(original), samples, CalibrateSettings.int8());
            return Exporter.export(
                    new Exporter.Job(
                            "a-job",
                            "int8",
                            file,
                            stages.model(),
                            stages.plan(),
                            stages.table(),
                            Target.CPU,
                            Optional.empty(),
                            samples,
                            Measure.of("fidelity"),
                            OptionalDouble.empty(),
                            List.of(),
                            new Report.Provenance("aa", "bb", "cc", "1.2.3", 7),
                            Products.STANDARD,
                            16,
                            Provider.cpu()),
                    folder,
                    Progress.none());
        }
    }

    @Test
    void transposedConvolutionsOfAVocoderAreStoredAsCodes() throws IOException {
        var report = export("vocoder-convtranspose");

        assertTrue(
                report.quantized().bytes() < .35 * report.original().bytes(),
                report.quantized().bytes() + " bytes");
        assertTrue(
                report.fidelity().cosine() > .995, "cosine " + report.fidelity().cosine());
        var stored = report.layers().stream()
                .filter(layer -> layer.type().equals("ConvTranspose"))
                .toList();
        assertEquals(
                List.of(64 * 32 * 8L, 32 * 16 * 8L),
                stored.stream().map(Report.Layer::bytes).toList());
    }

    @Test
    void convolutionsOfFewChannelsOfAVolumeStayFloatAndTheReportSaysSo() throws IOException {
        var report = export("conv3d");

        assertTrue(
                report.notes().contains("computed in float, which is faster for volumes with few channels: c1, c2"),
                report.notes() + "");
        assertTrue(
                report.quantized().bytes() < .5 * report.original().bytes(),
                report.quantized().bytes() + " bytes");
        assertTrue(
                report.fidelity().cosine() > .999, "cosine " + report.fidelity().cosine());
        assertTrue(
                report.quantized().latencyMs() < 2 * report.original().latencyMs(),
                report.quantized().latencyMs() + " ms, float "
                        + report.original().latencyMs() + " ms");
    }
}
