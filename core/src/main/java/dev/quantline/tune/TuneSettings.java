package dev.quantline.tune;

import dev.quantline.onnx.BadInput;

/**
 * Settings of tuning.
 *
 * @param bias    whether biases are corrected on calibration data
 * @param samples calibration samples used at most; a quarter of them is held out to judge the result
 */
public record TuneSettings(boolean bias, int samples) {
    public TuneSettings {
        if (samples < 1) {
            throw new BadInput("tune.samples must be at least 1, not " + samples);
        }
    }

    /** Bias correction on at most 128 samples. */
    public static TuneSettings int8() {
        return new TuneSettings(true, 128);
    }
}
