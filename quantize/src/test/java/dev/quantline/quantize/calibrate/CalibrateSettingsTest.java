package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.BadInput;
import dev.quantline.quantize.fixture.Recipes;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Migration;
import dev.quantline.quantize.settings.Recipe;
import dev.quantline.quantize.settings.Recipe.Calibrate;
import dev.quantline.quantize.settings.SoftmaxQuantizer;
import dev.quantline.quantize.settings.WeightRange;
import java.util.List;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class CalibrateSettingsTest {
    private static final ActivationRange MSE = ActivationRange.MSE;

    private static CalibrateSettings of(
            ActivationRange range,
            WeightRange weights,
            SoftmaxQuantizer softmax,
            Migration layernorm,
            int activationBits) {
        return Recipes.calibrate(range, weights, softmax, layernorm, 8, activationBits, List.of(), 1);
    }

    @Test
    void samplesAreRunOnlyWhereASettingTriesQuantizersOnThem() {
        var nothing = of(MSE, WeightRange.MSE, SoftmaxQuantizer.UNIFORM, Migration.OFF, 8);

        assertFalse(nothing.needsSamples());
        assertTrue(of(MSE, WeightRange.AUTO, SoftmaxQuantizer.UNIFORM, Migration.OFF, 8)
                .needsSamples());
        assertTrue(of(ActivationRange.AUTO, WeightRange.MSE, SoftmaxQuantizer.UNIFORM, Migration.OFF, 8)
                .needsSamples());
        assertTrue(
                of(MSE, WeightRange.MSE, SoftmaxQuantizer.TAN, Migration.OFF, 8).needsSamples());
        assertTrue(of(MSE, WeightRange.MSE, SoftmaxQuantizer.UNIFORM, Migration.MEAN, 8)
                .needsSamples());
        // If activations stay float, there are only weights to try.
        assertFalse(of(ActivationRange.AUTO, WeightRange.MSE, SoftmaxQuantizer.TAN, Migration.MEAN, Recipe.FLOAT)
                .needsSamples());
        assertTrue(of(MSE, WeightRange.AUTO, SoftmaxQuantizer.UNIFORM, Migration.OFF, Recipe.FLOAT)
                .needsSamples());
    }

    @Test
    void onlyBlocksHaveASize() {
        assertEquals(
                0,
                Json.part(Calibrate.class, "{granularity: 'tensor', block: 16}").blockSize());
        assertEquals(
                16,
                Json.part(Calibrate.class, "{granularity: 'block', block: 16}").blockSize());
    }

    @Test
    void percentilesLieAboveOneHalfAndUpToAll() {
        assertDoesNotThrow(() -> new RangeCriterion.Percentile(1));
        assertDoesNotThrow(() -> new RangeCriterion.Percentile(.51));
        assertThrows(BadInput.class, () -> new RangeCriterion.Percentile(Double.NaN));
    }
}
