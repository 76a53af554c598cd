package dev.quantline.quantize.settings;

/**
 * Common scale that channels are brought to behind a norm: none, their mean (RepQ-ViT, arXiv 2212.08254), their median
 * (MOSF, arXiv 2408.03291), or the median with a strength searched on the readers' output error (ours). The search also serves
 * other activations that only linear layers read, where one multiplication more takes a fifth of the error away.
 */
public enum Migration implements Word {
    OFF,
    MEAN,
    MEDIAN,
    SEARCH
}
