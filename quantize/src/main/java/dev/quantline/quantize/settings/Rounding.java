package dev.quantline.quantize.settings;

/** How weights are rounded before anything is trained. */
public enum Rounding implements Word {
    /** To the nearest code. */
    NEAREST,
    /** Each compensating for the errors of those before it (GPTQ, arXiv 2210.17323). */
    COMPENSATED
}
