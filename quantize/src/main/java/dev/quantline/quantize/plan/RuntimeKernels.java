package dev.quantline.quantize.plan;

import dev.quantline.onnx.Node;
import java.util.Set;

/**
 * What ONNX Runtime has kernels for, one line per fact: operators that models have, and operators that it writes into a graph
 * when it optimises it.
 */
public enum RuntimeKernels {
    /** Take codes and give some of the same codes: one quantizer on both sides. */
    MOVING("MaxPool Reshape Flatten Transpose Squeeze Unsqueeze Split Slice DepthToSpace"),
    /** Take codes and give codes of a quantizer of their own. */
    CARRYING("Relu Add Concat AveragePool GlobalAveragePool LeakyRelu"),
    RECURRENT("LSTM GRU RNN"),
    /** On floats, with weights {@code [outputs, inputs of a group, ..]}. */
    CONVOLUTIONS("Conv DeformConv FusedConv NhwcFusedConv"),
    /** On floats, either input the weight. */
    FUSED_PRODUCTS("FusedMatMul FusedGemm"),
    /** Multiply 8-bit integers. */
    INTEGER_PRODUCTS(
            "MatMulIntegerToFloat QLinearMatMul MatMulInteger QGemm QLinearConv ConvInteger DynamicQuantizeMatMul"
                    + " QAttention"),
    /** Multiply floats by weights of few bits. */
    PACKED_PRODUCTS("MatMulNBits MatMulBnb4"),
    /** Other layers on codes, which nothing here is turned into and models may come with. */
    OTHER_CODES(
            "ConvIntegerToFloat MatMulFp8 MatMulScaledGEMM QMoE DynamicQuantizeLSTM QOrderedMatMul QOrderedAttention"),
    /** Multiply floats. */
    FLOAT_PRODUCTS(
            "MatMul Gemm Conv FusedMatMul FusedGemm FusedConv Attention MultiHeadAttention NhwcFusedConv TransposeMatMul");

    private final Set<String> names;

    RuntimeKernels(String names) {
        this.names = Set.of(names.split(" "));
    }

    /** Whether an operator, of ONNX's own or of the runtime, is one of these. */
    public boolean has(String op) {
        return names.contains(op);
    }

    /** Whether a node reads codes on an integer kernel that moves them or makes others, if all it reads are codes. */
    static boolean keepCodes(Node node) {
        return node.domain().isEmpty() && (MOVING.has(node.op()) || CARRYING.has(node.op()));
    }
}
