package dev.quantline.quantize.settings;

/** What products with 4-bit weights in blocks are written as. */
public enum Products implements Word {
    /** DequantizeLinear and MatMul, operators of the ONNX standard. */
    STANDARD,
    /** onnxruntime's own {@code MatMulNBits}. */
    MATMULNBITS
}
