package dev.quantline.quantize.settings;

/** What is trained, and in which pieces. */
public enum TuningMethod implements Word {
    /** Nothing. */
    OFF,
    /** Single layers: weights, biases, scales (AdaQuant, arXiv 2006.10518). */
    ADAQUANT,
    /** Single layers: the rounding direction of each weight (AdaRound, arXiv 2004.10568), biases, activation scales. */
    ADAROUND,
    /** Blocks: weights, biases, scales (block reconstruction, arXiv 2102.05426). */
    RECONSTRUCT
}
