package dev.quantline.quantize.workflow;

import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.finetune.FineTuneSettings;
import dev.quantline.quantize.finetune.Task;
import dev.quantline.quantize.plan.Target;
import dev.quantline.quantize.settings.Hashes;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Recipe;
import dev.quantline.quantize.settings.Width;
import dev.quantline.quantize.tune.TuneSettings;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Everything besides the model and the data that the result depends on.
 *
 * @param target  where the file will run
 * @param data    how data fits the network
 * @param measure the metric of the result, for which the network is also tuned if it reads logits
 * @param task    the task that fine-tuning preserves, if the recipe requests fine-tuning
 */
public record QuantizationSettings(Recipe recipe, Target target, DataSettings data, Measure measure, Task task) {
    /** The default measure. */
    public static final Measure FIDELITY = Measure.of("fidelity");

    private static final Set<String> LOGITS = Set.of("top1", "top5", "perplexity");

    /** For every processor, with plain data, judged by the closeness of outputs to the float model's. */
    public static QuantizationSettings of(Recipe recipe) {
        return new QuantizationSettings(recipe, Target.CPU, DataSettings.PLAIN, FIDELITY, Task.DISTILL);
    }

    /** The same with another measure. */
    public QuantizationSettings with(Measure other) {
        return new QuantizationSettings(recipe, target, data, other, task);
    }

    /** SHA-256 of everything that determines what the file computes. */
    public String sha256() {
        return Hashes.of(
                Json.bytes(List.of(recipe, data, new Measure(measure.metric(), measure.output()), target.label())));
    }

    /** Bound on the sum of two same-sign weight codes: the target's limit for the widest activations that a layer may get. */
    public int pairLimit() {
        int widest = Stream.concat(
                        Stream.of(recipe.activationBits()),
                        recipe.widths().stream().map(Width::activations))
                .filter(bits -> bits <= Byte.SIZE)
                .max(Integer::compare)
                .orElse(recipe.activationBits());
        return target.pairLimit(widest);
    }

    /** Settings for fine-tuning the float network; empty if the recipe requests none. */
    public Optional<FineTuneSettings> fineTuning() {
        return recipe.tune()
                .quanttune()
                .map(quanttune -> new FineTuneSettings(task, isOfLogits(), measure.output(), quanttune));
    }

    /** Settings for the calibrator. */
    CalibrateSettings calibration(Spilling spilling) {
        return new CalibrateSettings(recipe, pairLimit(), spilling);
    }

    /** Settings for the tuning methods. */
    TuneSettings tuning() {
        return new TuneSettings(recipe.tune(), isOfLogits(), measure.output());
    }

    /** Whether samples are text that a language model could extend. */
    boolean isText() {
        return measure.metric().equals("perplexity");
    }

    /** Whether the metric reads logits: outputs of classifiers and language models are compared as distributions. */
    boolean isOfLogits() {
        return LOGITS.contains(measure.metric());
    }
}
