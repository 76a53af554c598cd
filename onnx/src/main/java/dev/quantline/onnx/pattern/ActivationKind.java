package dev.quantline.onnx.pattern;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/** The kind of an activation, which determines the distribution of its values. */
public enum ActivationKind {
    /** An input of the model. */
    INPUT,
    /** Rows of an embedding table, or a sum of such rows. */
    EMBEDDING,
    /** Attention weights: most of them near 0, few near 1. */
    SOFTMAX,
    LAYERNORM,
    RMSNORM,
    /** x times a squashed x: one-sided, with a short negative tail. Includes the exact, tanh and sigmoid forms. */
    GELU,
    SILU,
    /** A product of two activations, one of which gates the other: SwiGLU, squeeze-and-excite. */
    GATE,
    /** Q, K or V: read by a product of two activations. */
    ATTENTION,
    /** Values weighted by attention. */
    CONTEXT,
    /** A sum of two activations. */
    RESIDUAL,
    /** Output of a convolution, including a BatchNormalization and a Relu after it. */
    CONV,
    /** Output of a MatMul or Gemm with constant weights. */
    LINEAR,
    OTHER;

    /** Its name in reports and files. */
    @JsonValue
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
