package dev.quantline.quantize.settings;

/** What is trained in the whole network together, to reproduce the float network's outputs. */
public enum Whole implements Word {
    /** Nothing. */
    OFF,
    /** Biases (bias tuning, arXiv 2006.10518). */
    BIASES,
    /** Weights, biases and scales. */
    ALL,
    /** Everything if the metric reads logits; otherwise nothing. */
    LOGITS
}
