package dev.quantline.calibrate;

import dev.quantline.onnx.BadInput;
import java.util.List;

/**
 * Settings of calibration.
 *
 * @param range          criterion for activation ranges: minmax, percentile, mse or mae
 * @param weightBits     width of weight codes, 2 to 8
 * @param activationBits width of activation codes, 2 to 8
 * @param exclude        names of nodes or tensors that stay float, globs allowed
 */
public record CalibrateSettings(RangeCriterion range, int weightBits, int activationBits, List<String> exclude) {
    public CalibrateSettings {
        if (weightBits < 2 || weightBits > 8 || activationBits < 2 || activationBits > 8) {
            throw new BadInput("weights and activations need 2 to 8 bits, not " + weightBits + " and " + activationBits);
        }
        exclude = List.copyOf(exclude);
    }

    /** 8 bits everywhere, ranges by least squared error. */
    public static CalibrateSettings int8() {
        return new CalibrateSettings(new RangeCriterion.Mse(), 8, 8, List.of());
    }
}
