package dev.quantline.pipeline.stage;

import dev.quantline.calibrate.CalibrateSettings;
import dev.quantline.calibrate.CalibrateSettings.Migration;
import dev.quantline.calibrate.CalibrateSettings.SoftmaxQuantizer;
import dev.quantline.calibrate.CalibrateSettings.WeightRange;
import dev.quantline.calibrate.Granularity;
import dev.quantline.calibrate.RangeCriterion;
import dev.quantline.pipeline.job.Recipe;

/** A recipe's calibration as core takes it. */
public final class JobCalibration {
    private JobCalibration() {
    }

    /** The settings, whose vocabulary the schema has checked. */
    public static CalibrateSettings settings(Recipe recipe) {
        var calibrate = recipe.calibrate();
        return new CalibrateSettings(RangeCriterion.parse(calibrate.range()),
                CalibrateSettings.parse(WeightRange.class, "recipe.calibrate.weights", calibrate.weights()),
                CalibrateSettings.parse(SoftmaxQuantizer.class, "recipe.calibrate.softmax", calibrate.softmax()),
                CalibrateSettings.parse(Migration.class, "recipe.calibrate.layernorm", calibrate.layernorm()),
                recipe.weightBits(), recipe.activationBits(), recipe.exclude(), CalibrateSettings.SAMPLES,
                Granularity.parse(calibrate.granularity(), calibrate.block()), recipe.candidates());
    }
}
