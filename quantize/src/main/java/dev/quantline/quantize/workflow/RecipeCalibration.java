package dev.quantline.quantize.workflow;

import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.settings.Width;
import java.util.stream.Stream;

/** A recipe's calibration as the calibrator takes it. */
final class RecipeCalibration {
    private RecipeCalibration() {}

    static CalibrateSettings settings(QuantizationSettings settings, Spilling spilling) {
        return new CalibrateSettings(settings.recipe(), pairLimit(settings), spilling);
    }

    /** What two weight codes of one sign may add up to: the target's limit for the widest activations that a layer may get. */
    static int pairLimit(QuantizationSettings settings) {
        var recipe = settings.recipe();
        int widest = Stream.concat(
                        Stream.of(recipe.activationBits()),
                        recipe.widths().stream().map(Width::activations))
                .filter(bits -> bits <= Byte.SIZE)
                .max(Integer::compare)
                .orElse(recipe.activationBits());
        return settings.target().pairLimit(widest);
    }
}
