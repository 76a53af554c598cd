package dev.quantline.quantize.settings;

/** What shares a weight scale. Activations always have one a tensor: an integer kernel sums over the channels it reads. */
public enum Granularity implements Word {
    /** The whole weight. */
    TENSOR,
    /** An output channel. */
    CHANNEL,
    /** Some inputs of each output channel of MatMul and Gemm; convolutions and tables keep one scale a channel. */
    BLOCK
}
