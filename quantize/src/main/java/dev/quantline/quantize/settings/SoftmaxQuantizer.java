package dev.quantline.quantize.settings;

/** The quantizer of post-softmax activations; AUTO takes whichever hurts the product that reads it least. */
public enum SoftmaxQuantizer implements Word {
    UNIFORM,
    LOG2,
    LOGSQRT2,
    TAN,
    AUTO
}
