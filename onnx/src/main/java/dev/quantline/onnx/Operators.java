package dev.quantline.onnx;

import java.util.Set;

/**
 * What is known of ONNX's own operators, one line per fact; an operator may stand in several lines. Which kernels a runtime has
 * for them is no property of the operators and stands elsewhere.
 */
public enum Operators {
    /** Multiply by a weight, their second input, and sum over its input channels. */
    LAYERS("MatMul Gemm Conv"),
    /** Multiply by constants, which training set: the layers, and what float kernels compute. */
    WEIGHTED("MatMul Gemm Conv ConvTranspose LSTM GRU RNN"),
    /** Give values of their first input unchanged, in another place or shape. */
    MOVING("Reshape Flatten Transpose Squeeze Unsqueeze Slice Split"),
    /** Exchange channels for positions. */
    BLOCKS("DepthToSpace SpaceToDepth"),
    /** Give their first input as it is, possibly in another type. */
    COPYING("Identity Cast"),
    /** Give their first input with values repeated or added around it. */
    EXTENDING("Expand Tile Pad"),
    /** Pick or average neighbouring values of a channel. */
    POOLING("MaxPool AveragePool GlobalMaxPool GlobalAveragePool ReduceMean Resize"),
    /** Bend values one by one and keep those in the middle of their range. */
    BOUNDING("Relu LeakyRelu PRelu Clip"),
    ARITHMETIC("Add Sub Mul Div"),
    NORMALIZING("BatchNormalization InstanceNormalization LayerNormalization"),
    /** Give something else on every run. */
    RANDOM("RandomNormal RandomUniform RandomNormalLike RandomUniformLike Bernoulli Multinomial"),
    /** Have graphs as attributes. */
    WITH_BODIES("If Loop Scan"),
    QUANTIZING("QuantizeLinear DequantizeLinear");

    private final Set<String> names;

    Operators(String names) {
        this.names = Set.of(names.split(" "));
    }

    /** Whether an operator of ONNX's own is one of these. */
    public boolean has(String op) {
        return names.contains(op);
    }

    /** Whether the node calls one of these. */
    public boolean has(Node node) {
        return node.domain().isEmpty() && has(node.op());
    }

    /** Whether the node calls an operator of one of these lines. */
    public static boolean isAny(Node node, Operators... lines) {
        for (var line : lines) {
            if (line.has(node)) {
                return true;
            }
        }
        return false;
    }

    /** The axis of output channels in the weight that one of the {@link #LAYERS} reads second; of a MatMul, in a matrix. */
    public static int outputAxis(Node layer) {
        return layer.is("Conv") || layer.is("Gemm") && layer.intOf("transB", 0) == 1 ? 0 : 1;
    }
}
