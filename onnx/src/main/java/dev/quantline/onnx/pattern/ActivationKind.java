package dev.quantline.onnx.pattern;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/** What an activation is, which decides how its values are distributed. */
public enum ActivationKind {
    /** Fed by the user. */
    INPUT,
    /** Rows of an embedding table, or a sum of such. */
    EMBEDDING,
    /** Attention weights: most of them near 0, few near 1. */
    SOFTMAX,
    LAYERNORM,
    RMSNORM,
    /** x times a squashed x: one-sided, with a short negative tail. Exact, tanh and sigmoid forms. */
    GELU,
    SILU,
    /** A product of two activations, one of which lets the other through: SwiGLU, squeeze-and-excite. */
    GATE,
    /** Q, K or V: read by a product of two activations. */
    ATTENTION,
    /** What attention weights made of the values. */
    CONTEXT,
    /** A sum of two activations. */
    RESIDUAL,
    /** Output of a convolution, BatchNormalization and a Relu behind it included. */
    CONV,
    /** Output of a MatMul or Gemm with constant weights. */
    LINEAR,
    OTHER;

    /** What reports and files call it. */
    @JsonValue
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
