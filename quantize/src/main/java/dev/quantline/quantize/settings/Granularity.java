package dev.quantline.quantize.settings;

/** Which weights share a scale. Activations always have one scale per tensor: an integer kernel sums over the channels that it reads. */
public enum Granularity implements Word {
    /** The whole weight. */
    TENSOR,
    /** An output channel. */
    CHANNEL,
    /** Several inputs of each output channel of MatMul and Gemm; convolutions and tables keep one scale per channel. */
    BLOCK
}
