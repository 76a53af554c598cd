package dev.quantline.quantize.plan;

import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.quantizer.Uniform;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Nodes that multiply by constants on float kernels, because ONNX Runtime has no integer kernel for them or a slower one.
 * Their weights are stored as codes and restored when the model is loaded, which makes the file smaller at no runtime cost.
 */
public final class FloatKernels {
    /** Rank of a weight {@code [outputs, channels, depth, height, width]}. */
    private static final int VOLUME = 5;
    /** With fewer channels, onnxruntime's integer kernel for volumes is slower than its float kernel: {@code bench export.Convolutions}. */
    private static final int FEWEST_CHANNELS = 16;

    private FloatKernels() {}

    /** The inputs of a node that a float kernel multiplies by if they are constant; none if the kernel is an integer one. */
    public static List<Integer> weights(Node node) {
        if (node.domain().isEmpty() && RuntimeKernels.RECURRENT.has(node.op())) {
            return List.of(1, 2);
        }
        if (node.is("Einsum")) {
            return IntStream.range(0, node.inputs().size()).boxed().toList();
        }
        if (node.is("ConvTranspose", "DeformConv")) {
            return List.of(1);
        }
        boolean fused = node.domain().equals("com.microsoft");
        return fused && RuntimeKernels.FUSED_PRODUCTS.has(node.op())
                ? List.of(0, 1)
                : fused
                                && (RuntimeKernels.CONVOLUTIONS.has(node.op())
                                        || node.op().equals("Attention"))
                        ? List.of(1)
                        : List.of();
    }

    /** Whether a convolution with this weight is faster in float. */
    public static boolean isFaster(Node conv, Tensor weight) {
        boolean depthwise = conv.intOf("group", 1) > 1 && weight.dim(1) == 1;
        long channels = depthwise ? conv.intOf("group", 1) : weight.dim(1);
        return weight.rank() == VOLUME && channels < FEWEST_CHANNELS;
    }

    /**
     * The output-channel axis of a constant that a float kernel multiplies by. Rows of recurrent weights
     * {@code [directions, gates x hidden, inputs]} share one scale across directions. Weights of a transposed convolution are
     * {@code [inputs, outputs of a group, ..]}: with several groups no axis enumerates the outputs, and scales are per input.
     *
     * @return {@link Uniform#PER_TENSOR} if there is none
     */
    static int axis(Node node, int input, Tensor weight) {
        if (node.is("Einsum")) {
            return output(node.stringOf("equation", "").replace(" ", ""), input, weight.rank());
        }
        if (node.is("ConvTranspose")) {
            return node.intOf("group", 1) == 1 ? 1 : 0;
        }
        if (RuntimeKernels.FUSED_PRODUCTS.has(node.op())) {
            boolean turned = node.intOf(input == 0 ? "transA" : "transB", 0) == 1;
            return weight.rank() - (turned == (input == 0) ? 1 : 2);
        }
        return RuntimeKernels.CONVOLUTIONS.has(node.op()) ? 0 : 1;
    }

    /** The last axis of an operand that the result has too, as in {@code ij,jk->ik}. */
    private static int output(String equation, int input, int rank) {
        String[] sides = equation.split("->");
        String term = sides[0].split(",")[input];
        if (sides.length == 2 && term.length() == rank && !term.contains(".")) {
            for (int axis = rank - 1; axis >= 0; axis--) {
                if (sides[1].indexOf(term.charAt(axis)) >= 0) {
                    return axis;
                }
            }
        }
        return Uniform.PER_TENSOR;
    }
}
