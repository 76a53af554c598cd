package dev.quantline.quantize.settings;

/**
 * The criterion for the scale of a weight channel; AUTO is the output error for linear layers without blocks, and MSE otherwise.
 */
public enum WeightRange implements Word {
    MAX,
    PERCENTILE,
    ENTROPY,
    MSE,
    MAE,
    AUTO
}
