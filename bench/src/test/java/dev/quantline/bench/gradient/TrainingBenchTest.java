package dev.quantline.bench.gradient;

import dev.quantline.onnx.runtime.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

/** Short versions of the trainings, on real images. */
class TrainingBenchTest {
    private final Path shared =
            Path.of(Optional.ofNullable(System.getenv("QUANTLINE_SHARED")).orElse("../../shared"));

    @BeforeEach
    void needsTheSharedFolder() {
        assumeTrue(Files.isDirectory(shared), shared + " is not here");
    }

    @Test
    void aFewStepsOfFineTuningMakeResnetBetterOnJpegImages() throws IOException {
        var curve = TrainingBench.resnet(shared, 40, 1, 500, Progress.none());

        assertTrue(TrainingBench.right(curve.getLast()) > TrainingBench.right(curve.getFirst()) + 1, curve.toString());
    }

    @Test
    void aVisionTransformerLearnsFromRandomWeights() throws IOException {
        var curve = TrainingBench.vit(shared, 50, 1, 500, Progress.none());

        assertTrue(
                TrainingBench.right(curve.getFirst()) < 15 && TrainingBench.right(curve.getLast()) > 20,
                curve.toString());
    }
}
