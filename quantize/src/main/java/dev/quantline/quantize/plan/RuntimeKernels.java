package dev.quantline.quantize.plan;

import dev.quantline.onnx.Node;
import java.util.Set;

/**
 * Facts about ONNX Runtime's kernels, one per line: operators found in models, and operators that its optimizer writes into a
 * graph.
 */
public enum RuntimeKernels {
    /** Read codes and write some of the same codes: one quantizer on both sides. */
    MOVING("MaxPool Reshape Flatten Transpose Squeeze Unsqueeze Split Slice DepthToSpace"),
    /** Read codes and write codes of another quantizer. */
    CARRYING("Relu Add Concat AveragePool GlobalAveragePool LeakyRelu"),
    RECURRENT("LSTM GRU RNN"),
    /** Compute in float, with weights {@code [outputs, inputs of a group, ..]}. */
    CONVOLUTIONS("Conv DeformConv FusedConv NhwcFusedConv"),
    /** Compute in float; either input may be the weight. */
    FUSED_PRODUCTS("FusedMatMul FusedGemm"),
    /** Multiply 8-bit integers. */
    INTEGER_PRODUCTS(
            "MatMulIntegerToFloat QLinearMatMul MatMulInteger QGemm QLinearConv ConvInteger DynamicQuantizeMatMul"
                    + " QAttention"),
    /** Multiply floats by few-bit weights. */
    PACKED_PRODUCTS("MatMulNBits MatMulBnb4"),
    /** Other layers on codes, which models may contain but nothing is turned into here. */
    OTHER_CODES(
            "ConvIntegerToFloat MatMulFp8 MatMulScaledGEMM QMoE DynamicQuantizeLSTM QOrderedMatMul QOrderedAttention"),
    /** Multiply floats. */
    FLOAT_PRODUCTS(
            "MatMul Gemm Conv FusedMatMul FusedGemm FusedConv Attention MultiHeadAttention NhwcFusedConv TransposeMatMul");

    private final Set<String> names;

    RuntimeKernels(String names) {
        this.names = Set.of(names.split(" "));
    }

    /** Whether an operator, standard or of the runtime, is one of these. */
    public boolean has(String op) {
        return names.contains(op);
    }

    /** Whether a node with an integer kernel that moves or computes codes can run on it, provided that all its inputs are codes. */
    static boolean keepCodes(Node node) {
        return node.domain().isEmpty() && (MOVING.has(node.op()) || CARRYING.has(node.op()));
    }
}
