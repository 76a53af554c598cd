package dev.quantline.quantize.settings;

/** How the range of an activation is chosen: by one of the criteria, or by whichever hurts its readers least. */
public enum ActivationRange implements Word {
    MINMAX,
    MOVINGAVERAGE,
    PERCENTILE,
    ENTROPY,
    MSE,
    MAE,
    AUTO
}
