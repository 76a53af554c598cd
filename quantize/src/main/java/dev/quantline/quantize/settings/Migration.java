package dev.quantline.quantize.settings;

/**
 * Common scale of the channels of a norm's output: none, their mean (RepQ-ViT, arXiv 2212.08254), their median (MOSF, arXiv
 * 2408.03291), or the median with a strength searched by the readers' output error (ours). The search also covers other
 * activations read only by linear layers, if one additional multiplication removes a fifth of the error.
 */
public enum Migration implements Word {
    OFF,
    MEAN,
    MEDIAN,
    SEARCH
}
