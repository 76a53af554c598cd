package dev.quantline.tuner;

import dev.quantline.pipeline.job.Recipe;
import dev.quantline.tune.Training;
import dev.quantline.tune.TuneSettings;
import java.util.Locale;

/** Tuning as core takes it, from a request whose vocabulary the schema has checked. */
final class TuneRequest {
    private TuneRequest() {
    }

    static TuneSettings settings(Recipe.Tune tune) {
        return new TuneSettings(TuneSettings.Rounding.valueOf(upper(tune.rounding())), tune.bias(), tune.samples(),
                TuneSettings.Method.valueOf(upper(tune.layers())),
                tune.order().equals("sequential"), tune.blocks(), tune.affine(),
                TuneSettings.Whole.valueOf(upper(tune.whole())), tune.normalization(), training(tune.training()));
    }

    private static Training training(Recipe.Training training) {
        var rates = training.rates();
        return new Training(training.steps(), training.batch(), training.mix(),
                Training.Distance.valueOf(upper(training.loss())), rates.weights(), rates.rounding(), rates.biases(),
                rates.weightScales(), rates.activationScales(), rates.affine(), rates.decision(),
                training.ahead(), training.seed());
    }

    private static String upper(String word) {
        return word.toUpperCase(Locale.ROOT);
    }
}
