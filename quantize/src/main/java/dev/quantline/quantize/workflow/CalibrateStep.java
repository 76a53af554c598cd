package dev.quantline.quantize.workflow;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.quantize.calibrate.Calibrator;
import dev.quantline.quantize.profile.Profile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/**
 * Rewrites a model where that helps, and chooses the quantizers: at once, or in parts that machines share ({@link Calibrator}).
 *
 * @param model       canonical float model to which the profile belongs
 * @param calibration files of the calibration data
 */
public record CalibrateStep(
        Graph model, Profile profile, List<Path> calibration, QuantizationSettings settings, Resources resources) {
    /** Whether settings try quantizers on samples, so that there may be parts; told without reading the model. */
    public static boolean tries(QuantizationSettings settings) {
        return settings.calibration(Spilling.usual()).needsSamples();
    }

    /** Some of the work. */
    public interface Work<T> {
        T by(Calibrator calibrator) throws IOException;
    }

    /**
     * Calibrates at once.
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
        return new CalibrateStep(model, profile, calibration, settings, resources)
                .with(calibrator -> calibrator.calibrate(progress, rewritten));
    }

    /** Does some of the work, with the calibration data open. */
    public <T> T with(Work<T> work) throws IOException {
        try (var samples = settings.data().open(calibration, model)) {
            return work.by(new Calibrator(
                    model,
                    profile,
                    samples,
                    settings.calibration(resources.spilling()),
                    resources.batch(),
                    resources.provider()));
        }
    }
}
