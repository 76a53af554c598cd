package dev.quantline.quantize.finetune;

import dev.quantline.quantize.settings.Recipe.QuantTune;
import java.util.Optional;

/**
 * A recipe's fine-tuning and what follows from the job.
 *
 * @param task      what is kept up meanwhile
 * @param logits    whether outputs are compared as distributions when the task is {@link Task#DISTILL}
 * @param output    the output that is kept up; the first one of floats when empty
 * @param quanttune how it is trained
 */
public record FineTuneSettings(Task task, boolean logits, Optional<String> output, QuantTune quanttune) {
    /** Of the first output of floats. */
    public FineTuneSettings(Task task, boolean logits, QuantTune quanttune) {
        this(task, logits, Optional.empty(), quanttune);
    }
}
