package dev.quantline.quantize.workflow;

import dev.quantline.quantize.finetune.FineTuneSettings;
import dev.quantline.quantize.tune.TuneSettings;

/** A recipe's tuning as the tuning methods take it. */
final class RecipeTuning {
    private RecipeTuning() {}

    static TuneSettings settings(QuantizationSettings settings) {
        return new TuneSettings(
                settings.recipe().tune(),
                settings.isOfLogits(),
                settings.measure().output());
    }

    /** Fine-tuning of the float network. */
    static FineTuneSettings fineTuning(QuantizationSettings settings) {
        return new FineTuneSettings(
                settings.task(),
                settings.isOfLogits(),
                settings.measure().output(),
                settings.recipe().tune().quanttune().orElseThrow());
    }
}
