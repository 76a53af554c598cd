package dev.quantline.onnx;

import java.util.Set;

/**
 * Facts about standard operators, one per line; an operator may occur in several lines. Which kernels a runtime has for them is
 * not a property of the operators and is stated elsewhere.
 */
public enum Operators {
    /** Multiply by a weight, their second input, and sum over its input channels. */
    LAYERS("MatMul Gemm Conv"),
    /** Multiply by trained constants: the layers, and operators with float kernels. */
    WEIGHTED("MatMul Gemm Conv ConvTranspose LSTM GRU RNN"),
    /** Return values of their first input unchanged, in other positions or another shape. */
    MOVING("Reshape Flatten Transpose Squeeze Unsqueeze Slice Split"),
    /** Exchange channels for positions. */
    BLOCKS("DepthToSpace SpaceToDepth"),
    /** Return their first input unchanged, possibly as another type. */
    COPYING("Identity Cast"),
    /** Return their first input with values repeated or added around it. */
    EXTENDING("Expand Tile Pad"),
    /** Select or average neighbouring values of a channel. */
    POOLING("MaxPool AveragePool GlobalMaxPool GlobalAveragePool ReduceMean Resize"),
    /** Bound values elementwise and keep those in the middle of their range. */
    BOUNDING("Relu LeakyRelu PRelu Clip"),
    ARITHMETIC("Add Sub Mul Div"),
    NORMALIZING("BatchNormalization InstanceNormalization LayerNormalization"),
    /** Return different values on every run. */
    RANDOM("RandomNormal RandomUniform RandomNormalLike RandomUniformLike Bernoulli Multinomial"),
    /** Have graphs as attributes. */
    WITH_BODIES("If Loop Scan"),
    QUANTIZING("QuantizeLinear DequantizeLinear");

    private final Set<String> names;

    Operators(String names) {
        this.names = Set.of(names.split(" "));
    }

    /** Whether a standard operator is one of these. */
    public boolean has(String op) {
        return names.contains(op);
    }

    /** Whether the node calls one of these. */
    public boolean has(Node node) {
        return node.domain().isEmpty() && has(node.op());
    }

    /** Whether the node calls an operator in one of these lines. */
    public static boolean isAny(Node node, Operators... lines) {
        for (var line : lines) {
            if (line.has(node)) {
                return true;
            }
        }
        return false;
    }

    /** The output-channel axis of the weight, the second input of one of the {@link #LAYERS}; for a MatMul, if it is a matrix. */
    public static int outputAxis(Node layer) {
        return layer.is("Conv") || layer.is("Gemm") && layer.intOf("transB", 0) == 1 ? 0 : 1;
    }
}
