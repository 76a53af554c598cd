package dev.quantline.quantize.settings;

import com.fasterxml.jackson.annotation.JsonIgnore;

/** How far quantized outputs are from float ones. */
public enum Distance implements Word {
    /** Mean squared error. */
    MSE,
    /** Mean absolute error. */
    MAE,
    /** Mean divergence KL(float || quantized) of the distributions that logits along the last axis stand for; not for recipes. */
    @JsonIgnore
    KL
}
