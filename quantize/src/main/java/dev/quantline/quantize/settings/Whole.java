package dev.quantline.quantize.settings;

/** What of the whole network is trained together, to give the float network's outputs. */
public enum Whole implements Word {
    /** Nothing. */
    OFF,
    /** Biases (bias tuning, arXiv 2006.10518). */
    BIASES,
    /** Weights, biases and scales. */
    ALL,
    /** All where the metric is of logits, nothing elsewhere. */
    LOGITS
}
