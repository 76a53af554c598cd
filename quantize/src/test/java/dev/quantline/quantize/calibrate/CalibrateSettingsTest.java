package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.BadInput;
import dev.quantline.quantize.calibrate.CalibrateSettings.Migration;
import dev.quantline.quantize.calibrate.CalibrateSettings.SoftmaxQuantizer;
import dev.quantline.quantize.calibrate.CalibrateSettings.WeightRange;
import java.util.List;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class CalibrateSettingsTest {
    private static final RangeCriterion MSE = new RangeCriterion.Mse();

    private static CalibrateSettings of(
            RangeCriterion range,
            WeightRange weights,
            SoftmaxQuantizer softmax,
            Migration layernorm,
            int activationBits) {
        return new CalibrateSettings(range, weights, softmax, layernorm, 8, activationBits, List.of(), 1);
    }

    @Test
    void widthsFromTwoToSixteenAreTakenAndOthersRefused() {
        for (int bits : List.of(2, 16)) {
            assertDoesNotThrow(() -> CalibrateSettings.plain(MSE, bits, bits, List.of()));
        }
        for (int bits : List.of(0, 1, 17)) {
            assertThrows(BadInput.class, () -> CalibrateSettings.plain(MSE, bits, 8, List.of()));
            assertThrows(BadInput.class, () -> CalibrateSettings.plain(MSE, 8, bits, List.of()));
        }
        assertThrows(BadInput.class, () -> CalibrateSettings.plain(MSE, CalibrateSettings.FLOAT, 8, List.of()));
        assertThrows(
                BadInput.class,
                () -> new CalibrateSettings(
                        MSE, WeightRange.MAX, SoftmaxQuantizer.UNIFORM, Migration.OFF, 8, 8, List.of(), 0));
    }

    @Test
    void samplesAreRunOnlyWhereASettingTriesQuantizersOnThem() {
        var nothing = of(MSE, WeightRange.MSE, SoftmaxQuantizer.UNIFORM, Migration.OFF, 8);

        assertFalse(nothing.needsSamples());
        assertTrue(of(MSE, WeightRange.AUTO, SoftmaxQuantizer.UNIFORM, Migration.OFF, 8)
                .needsSamples());
        assertTrue(of(new RangeCriterion.Auto(), WeightRange.MSE, SoftmaxQuantizer.UNIFORM, Migration.OFF, 8)
                .needsSamples());
        assertTrue(
                of(MSE, WeightRange.MSE, SoftmaxQuantizer.TAN, Migration.OFF, 8).needsSamples());
        assertTrue(of(MSE, WeightRange.MSE, SoftmaxQuantizer.UNIFORM, Migration.MEAN, 8)
                .needsSamples());
        // Where activations stay float, only weights are left to try.
        assertFalse(of(
                        new RangeCriterion.Auto(),
                        WeightRange.MSE,
                        SoftmaxQuantizer.TAN,
                        Migration.MEAN,
                        CalibrateSettings.FLOAT)
                .needsSamples());
        assertTrue(of(MSE, WeightRange.AUTO, SoftmaxQuantizer.UNIFORM, Migration.OFF, CalibrateSettings.FLOAT)
                .needsSamples());
    }

    @Test
    void granularitiesAreReadFromText() {
        assertEquals(new Granularity.PerTensor(), Granularity.parse("tensor", 32));
        assertEquals(new Granularity.PerChannel(), Granularity.parse("channel", 32));
        assertEquals(new Granularity.PerBlock(16), Granularity.parse("block", 16));
        for (int size : List.of(8, 24, 0)) {
            var message = assertThrows(BadInput.class, () -> Granularity.parse("block", size))
                    .getMessage();
            assertTrue(message.contains("calibrate.block") && message.contains(Integer.toString(size)), message);
        }
        assertTrue(assertThrows(BadInput.class, () -> Granularity.parse("row", 32))
                .getMessage()
                .contains("'row'"));
    }

    @Test
    void percentilesLieAboveOneHalfAndUpToAll() {
        assertDoesNotThrow(() -> new RangeCriterion.Percentile(1));
        assertDoesNotThrow(() -> new RangeCriterion.Percentile(.51));
        assertThrows(BadInput.class, () -> new RangeCriterion.Percentile(Double.NaN));
    }
}
