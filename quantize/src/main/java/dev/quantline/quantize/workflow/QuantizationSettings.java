package dev.quantline.quantize.workflow;

import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.finetune.FineTuneSettings;
import dev.quantline.quantize.finetune.Task;
import dev.quantline.quantize.plan.Target;
import dev.quantline.quantize.settings.Hashes;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Recipe;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Everything besides model and data that the result depends on.
 *
 * @param target  where the file will run
 * @param data    how data fits the network
 * @param measure what the result is judged by, and tuned for where that is of logits
 * @param task    what fine-tuning keeps up, where the recipe asks for fine-tuning
 */
public record QuantizationSettings(Recipe recipe, Target target, DataSettings data, Measure measure, Task task) {
    /** What a result is judged by where nobody says. */
    public static final Measure FIDELITY = Measure.of("fidelity");

    private static final Set<String> LOGITS = Set.of("top1", "top5", "perplexity");

    /** For every processor, plain data, judged by how close outputs are to the float model's. */
    public static QuantizationSettings of(Recipe recipe) {
        return new QuantizationSettings(recipe, Target.CPU, DataSettings.PLAIN, FIDELITY, Task.DISTILL);
    }

    /** The same judged otherwise. */
    public QuantizationSettings with(Measure other) {
        return new QuantizationSettings(recipe, target, data, other, task);
    }

    /** SHA-256 of all that decides what the file computes. */
    public String sha256() {
        return Hashes.of(
                Json.bytes(List.of(recipe, data, new Measure(measure.metric(), measure.output()), target.label())));
    }

    /** What two weight codes of one sign may add up to: the target's limit for the widest activations that a layer may get. */
    public int pairLimit() {
        return RecipeCalibration.pairLimit(this);
    }

    /** How the float network is fine-tuned; empty when the recipe asks for none. */
    public Optional<FineTuneSettings> fineTuning() {
        return recipe.tune().quanttune().map(_ -> RecipeTuning.fineTuning(this));
    }

    /** Whether samples are text that a language model could add to. */
    boolean isText() {
        return measure.metric().equals("perplexity");
    }

    /** Whether the metric is of logits: outputs of classifiers and language models are compared as distributions. */
    boolean isOfLogits() {
        return LOGITS.contains(measure.metric());
    }
}
