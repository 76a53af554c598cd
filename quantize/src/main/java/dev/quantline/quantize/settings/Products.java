package dev.quantline.quantize.settings;

/** How products with 4-bit weights in blocks are written. */
public enum Products implements Word {
    /** As DequantizeLinear and MatMul, operators of the ONNX standard. */
    STANDARD,
    /** As onnxruntime's own {@code MatMulNBits}. */
    MATMULNBITS
}
