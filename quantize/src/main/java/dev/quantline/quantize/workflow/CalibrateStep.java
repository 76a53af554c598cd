package dev.quantline.quantize.workflow;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.quantize.calibrate.Calibrator;
import dev.quantline.quantize.profile.Profile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/** Rewrites a model where that helps, and chooses the quantizers. */
public final class CalibrateStep {
    private CalibrateStep() {}

    /**
     * Calibrates.
     *
     * @param model     canonical float model to which the profile belongs
     * @param rewritten receives the result's model once, as soon as it is final, while quantizers are still being
     *                  chosen
     */
    public static Calibrator.Result run(
            Graph model,
            Profile profile,
            List<Path> calibration,
            QuantizationSettings settings,
            Resources resources,
            Progress progress,
            Consumer<Graph> rewritten)
            throws IOException {
        try (var samples = settings.data().open(calibration, model)) {
            return Calibrator.calibrate(
                    model,
                    profile,
                    samples,
                    settings.calibration(resources.spilling()),
                    resources.batch(),
                    resources.provider(),
                    progress,
                    rewritten);
        }
    }
}
