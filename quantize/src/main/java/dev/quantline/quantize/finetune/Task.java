package dev.quantline.quantize.finetune;

import java.util.List;

/** The task at which fine-tuning keeps a network good. */
public enum Task {
    /** Classification; needs {@code labels}. */
    CROSS_ENTROPY,
    /** Cosine similarities of sentence pairs; needs {@code scores}. */
    PAIRS,
    /** Prediction of the next token of {@code input_ids}, from logits. */
    NEXT_TOKEN,
    /** Reproducing its own original outputs; needs no labels. */
    DISTILL;

    /** Number of consecutive samples that belong together. */
    int unit() {
        return this == PAIRS ? 2 : 1;
    }

    /** Arrays that it needs besides the model's inputs. */
    List<String> targets() {
        return switch (this) {
            case CROSS_ENTROPY -> List.of("labels");
            case PAIRS -> List.of("scores");
            case NEXT_TOKEN, DISTILL -> List.of();
        };
    }
}
