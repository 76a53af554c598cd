package dev.quantline.onnx.pattern;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.Optional;

/**
 * Two consecutive convolutions with constant weights: the second is the only reader of the first's output, directly or
 * through an activation.
 *
 * @param between the Relu or LeakyRelu between them, if there is one
 */
public record ConvPair(Node first, Optional<Node> between, Node second) {
    /** A pair, or why there is none. */
    public record Found(Optional<ConvPair> pair, String reason) {
        private static Found not(String reason) {
            return new Found(Optional.empty(), reason);
        }
    }

    /** The pair whose second convolution is {@code second}. */
    public static Found endingAt(GraphIndex index, Node second) {
        String tensor = second.input(0);
        var between = index.producer(tensor, "Relu", "LeakyRelu");
        if (between.isPresent() && index.onlyConsumer(tensor).isPresent()) {
            tensor = between.get().input(0);
        }
        var first = index.producer(tensor, "Conv");
        if (first.isEmpty()) {
            return Found.not("its input is not the output of a convolution, or of a Relu after one");
        }
        if (index.onlyConsumer(tensor).isEmpty()) {
            return Found.not("its input has other readers");
        }
        var one = weight(index, first.get());
        var two = weight(index, second);
        boolean bias = !first.get().hasInput(2) || index.isConstant(first.get().input(2));
        if (one.isEmpty() || two.isEmpty() || !bias) {
            return Found.not("weights or bias are not float constants");
        }
        if (one.get().dim(0) != two.get().dim(1) * second.intOf("group", 1)) {
            return Found.not("the two disagree about the number of channels");
        }
        return new Found(Optional.of(new ConvPair(first.get(), between, second)), "");
    }

    private static Optional<Tensor> weight(GraphIndex index, Node conv) {
        return index.constant(conv.input(1)).filter(tensor -> tensor.type() == DataType.FLOAT);
    }
}
