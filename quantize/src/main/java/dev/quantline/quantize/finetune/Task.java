package dev.quantline.quantize.finetune;

import java.util.List;

/** What a network is kept good at while it is fine-tuned. */
public enum Task {
    /** Classes: needs {@code labels}. */
    CROSS_ENTROPY,
    /** Cosines of sentence pairs: needs {@code scores}. */
    PAIRS,
    /** The next token of {@code input_ids}, from logits. */
    NEXT_TOKEN,
    /** Its own outputs as they were; needs no labels. */
    DISTILL;

    /** Samples that stay together. */
    int unit() {
        return this == PAIRS ? 2 : 1;
    }

    /** Arrays it needs beside the model's inputs. */
    List<String> targets() {
        return switch (this) {
            case CROSS_ENTROPY -> List.of("labels");
            case PAIRS -> List.of("scores");
            case NEXT_TOKEN, DISTILL -> List.of();
        };
    }
}
