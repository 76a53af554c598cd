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
        int widest = Stream.concat(
                        Stream.of(recipe.activationBits()),
                        recipe.widths().stream().map(Width::activations))
                .filter(bits -> bits <= Byte.SIZE)
                .max(Integer::compare)
                .orElse(recipe.activationBits());
        return target.pairLimit(widest);
    }

    /** How the float network is fine-tuned; empty when the recipe asks for none. */
    public Optional<FineTuneSettings> fineTuning() {
        return recipe.tune()
                .quanttune()
                .map(quanttune -> new FineTuneSettings(task, isOfLogits(), measure.output(), quanttune));
    }

    /** The recipe's calibration as the calibrator takes it. */
    CalibrateSettings calibration(Spilling spilling) {
        return new CalibrateSettings(recipe, pairLimit(), spilling);
    }

    /** The recipe's tuning as the tuning methods take it. */
    TuneSettings tuning() {
        return new TuneSettings(recipe.tune(), isOfLogits(), measure.output());
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
