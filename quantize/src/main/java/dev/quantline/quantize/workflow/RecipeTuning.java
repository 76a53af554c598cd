package dev.quantline.quantize.workflow;

import dev.quantline.quantize.finetune.FineTuneSettings;
import dev.quantline.quantize.settings.Recipe;
import dev.quantline.quantize.tune.Training;
import dev.quantline.quantize.tune.TuneSettings;
import java.util.Locale;

/** A recipe's tuning as the tuning methods take it. */
final class RecipeTuning {
    private RecipeTuning() {}

    static TuneSettings settings(QuantizationSettings settings) {
        var tune = settings.recipe().tune();
        return new TuneSettings(
                TuneSettings.Rounding.valueOf(upper(tune.rounding())),
                tune.bias(),
                tune.samples(),
                TuneSettings.Method.valueOf(upper(tune.layers())),
                tune.order().equals("sequential"),
                tune.blocks(),
                tune.affine(),
                whole(settings),
                settings.isOfLogits(),
                settings.measure().output(),
                tune.normalization(),
                training(tune.training()));
    }

    private static TuneSettings.Whole whole(QuantizationSettings settings) {
        String wanted = settings.recipe().tune().whole();
        if (wanted.equals("logits")) {
            return settings.isOfLogits() ? TuneSettings.Whole.ALL : TuneSettings.Whole.OFF;
        }
        return TuneSettings.Whole.valueOf(upper(wanted));
    }

    /** Fine-tuning of the float network. */
    static FineTuneSettings fineTuning(QuantizationSettings settings) {
        var quanttune = settings.recipe().tune().quanttune().orElseThrow();
        return new FineTuneSettings(
                settings.task(),
                settings.isOfLogits(),
                settings.measure().output(),
                quanttune.lambda(),
                quanttune.k(),
                quanttune.epochs(),
                quanttune.steps(),
                quanttune.batch(),
                quanttune.rate(),
                quanttune.decay(),
                quanttune.clip(),
                quanttune.seed());
    }

    private static Training training(Recipe.Training training) {
        var rates = training.rates();
        return new Training(
                training.steps(),
                training.batch(),
                training.mix(),
                Training.Distance.valueOf(upper(training.loss())),
                rates.weights(),
                rates.rounding(),
                rates.biases(),
                rates.weightScales(),
                rates.activationScales(),
                rates.affine(),
                rates.decision(),
                training.ahead(),
                training.seed(),
                rates.zeroPoints());
    }

    private static String upper(String word) {
        return word.toUpperCase(Locale.ROOT);
    }
}
