package dev.quantline.quantize.settings;

import com.fasterxml.jackson.annotation.JsonIgnore;

/** The distance between quantized and float outputs. */
public enum Distance implements Word {
    /** Mean squared error. */
    MSE,
    /** Mean absolute error. */
    MAE,
    /** Mean divergence KL(float || quantized) of the distributions parametrized by logits along the last axis; not for recipes. */
    @JsonIgnore
    KL
}
