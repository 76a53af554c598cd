package dev.quantline.onnx.pattern;

import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import dev.quantline.onnx.Tensor;
import java.util.Optional;

/**
 * The constant bias of a layer: the third input of a Conv or Gemm, or the constant operand of an Add that is the only
 * reader of a MatMul.
 *
 * @param holder the node that reads the bias: the layer or the Add
 * @param input  index of the bias among the inputs of the holder
 * @param value  a vector, whose length is not compared with the layer's outputs
 */
public record Bias(Node holder, int input, Tensor value) {
    /** The bias of a MatMul, Gemm or Conv; empty for other nodes or if it is not a constant vector. */
    public static Optional<Bias> of(GraphIndex index, Node layer) {
        var holder = layer.is("MatMul")
                ? index.onlyConsumer(layer.output()).filter(next -> next.is("Add"))
                : Optional.of(layer).filter(Operators.LAYERS::has);
        return holder.flatMap(node -> {
            int input = node == layer ? 2 : node.input(0).equals(layer.output()) ? 1 : 0;
            return index.constant(node.input(input))
                    .filter(value -> value.rank() == 1)
                    .map(value -> new Bias(node, input, value));
        });
    }

    /** Its name. */
    public String tensor() {
        return holder.input(input);
    }
}
