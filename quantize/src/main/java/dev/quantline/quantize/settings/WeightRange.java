package dev.quantline.quantize.settings;

/**
 * What the scale of a weight channel is chosen by; AUTO is the error of the output where the layer is linear and gets no blocks, and
 * MSE elsewhere.
 */
public enum WeightRange implements Word {
    MAX,
    PERCENTILE,
    ENTROPY,
    MSE,
    MAE,
    AUTO
}
