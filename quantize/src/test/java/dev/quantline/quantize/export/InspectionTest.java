package dev.quantline.quantize.export;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.fixture.Stages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class InspectionTest {
    /** Sizes of W and R, for the bidirectional LSTM and for the GRU. */
    private static final List<Long> RECURRENT = List.of(2L * 48 * 16 + 2 * 48 * 12, 48L * 24 + 48 * 16);

    @TempDir
    private Path folder;

    private Stages quantized() throws IOException {
        var network = Networks.recurrent(1);
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), Data.sequences(16, 3))))) {
            return Stages.run(
                    PreparedModel.prepare(network), new Samples(data, network, Map.of()), CalibrateSettings.int8());
        }
    }

    private static List<String> layers(Graph graph) {
        return Inspection.of(graph, 0).layers().stream()
                .map(layer -> layer.op() + ", " + layer.weights() + ", " + layer.elements() + ", " + layer.bytes())
                .toList();
    }

    @Test
    void weightsAreFoundBehindWhatRestoresThem() throws IOException {
        var stages = quantized();

        assertEquals(
                List.of(
                        "MatMul, float, 128, 512",
                        "LSTM, float, 2688, 10752",
                        "GRU, float, 1920, 7680",
                        "MatMul, float, 160, 640"),
                layers(stages.model()));
        assertEquals(
                List.of(
                        "MatMul, 8 bits in int8, 128, 128",
                        "LSTM, 8 bits in int8, 2688, 2688",
                        "GRU, 8 bits in int8, 1920, 1920",
                        "MatMul, 8 bits in int8, 160, 160"),
                layers(stages.quantized()));
        assertEquals(
                "float", Inspection.of(stages.quantized(), 0).layers().get(1).activations());
    }

    @Test
    void theReportCountsAllWeightsOfANode() throws IOException {
        var stages = quantized();

        var layers = Layers.of(stages.model(), stages.plan(), stages.table(), Map.of()).stream()
                .filter(layer -> layer.activationBits() == null)
                .toList();

        assertEquals(
                List.of("LSTM", "GRU"), layers.stream().map(Report.Layer::type).toList());
        assertEquals(RECURRENT, layers.stream().map(Report.Layer::weights).toList());
        assertEquals(RECURRENT, layers.stream().map(Report.Layer::bytes).toList());
        assertTrue(ModelFile.size(stages.quantized()) < .45 * ModelFile.size(stages.model()));
    }
}
