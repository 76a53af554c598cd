package dev.quantline.quantize.finetune;

import dev.quantline.quantize.settings.Recipe.QuantTune;
import java.util.Optional;

/**
 * The fine-tuning section of a recipe and what follows from the job.
 *
 * @param task      the task that training preserves
 * @param logits    whether outputs are compared as distributions if the task is {@link Task#DISTILL}
 * @param output    the output to preserve; the first float output if empty
 * @param quanttune how the network is trained
 */
public record FineTuneSettings(Task task, boolean logits, Optional<String> output, QuantTune quanttune) {
    /** For the first float output. */
    public FineTuneSettings(Task task, boolean logits, QuantTune quanttune) {
        this(task, logits, Optional.empty(), quanttune);
    }
}
