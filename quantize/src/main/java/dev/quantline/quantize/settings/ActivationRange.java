package dev.quantline.quantize.settings;

/** How the range of an activation is chosen: the criteria of {@code calibrate}, or whichever hurts the readers least. */
public enum ActivationRange implements Word {
    MINMAX,
    MOVINGAVERAGE,
    PERCENTILE,
    ENTROPY,
    MSE,
    MAE,
    AUTO
}
