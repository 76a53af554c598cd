package dev.quantline.bench.launch;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Benches in their smallest sizes, on networks of a few kilobytes, as {@code ./quantline bench} starts them, where that takes seconds. */
class SmokeTest {
    @TempDir
    private static Path folder;

    @BeforeAll
    static void smallNetworks() throws IOException {
        network("mlp", Networks.mlp(1));
        network("recurrent", Networks.recurrent(1));
        network("transformer", Networks.transformer(1));
    }

    private static void network(String name, Graph graph) throws IOException {
        var place = Files.createDirectories(folder.resolve(name));
        ModelFile.write(graph, place.resolve("model.onnx"));
        for (var file : List.of("calibration.npz", "validation.npz")) {
            Data.write(
                    place.resolve(file),
                    switch (name) {
                        case "mlp" -> Data.rows(32, 1);
                        case "recurrent" -> Data.sequences(32, 1);
                        default -> Data.tokens(32, 8, 1);
                    });
        }
    }

    @ParameterizedTest
    @CsvSource({
        "allocate.ProgramBench 5 2, | 5 layers x 6",
        "calibrate.CalibrationCost mlp/model.onnx mlp/calibration.npz 16 1, forward",
        "calibrate.Ablation transformer/model.onnx transformer fidelity 8 8/8 softmax, softmax",
        "calibrate.Clipping mlp/model.onnx mlp 8 4, | 4 bits |",
        "calibrate.StoredWeights recurrent/model.onnx recurrent/calibration.npz 4, | 4 |",
        "allocate.MixedBench mlp/model.onnx mlp/calibration.npz mlp/validation.npz fidelity 0.5, |",
        "gpu 2 cuda, not run",
        "gpu 2 cpu transformer/model.onnx transformer/calibration.npz, the same bytes",
        "robustness.IsolationCost --items 5, in a child",
        "robustness.NativeMutants --count 20, 20 models",
        "tune.Ablation mlp/model.onnx mlp fidelity 8 4/8 8 2 compensated, compensated",
        "tune.StepCost transformer/model.onnx transformer 2 1, inference"
    })
    void aSmallOnePrintsItsTable(String line, String expected) throws Exception {
        var words = line.replaceAll("\\b(mlp|recurrent|transformer)\\b", folder + "/$1")
                .split(" ");
        var usual = System.out;
        var out = new ByteArrayOutputStream();
        System.setOut(new PrintStream(out, true));
        try {
            assertEquals(0, Benches.run(List.of(words), System.out, System.err));
        } finally {
            System.setOut(usual);
        }
        assertTrue(out.toString().contains(expected), out::toString);
    }
}
