package dev.quantline.onnx.pattern;

import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import dev.quantline.onnx.Tensor;
import java.util.Optional;

/**
 * The constant bias of a layer: what a Conv or Gemm reads third, or what an Add that alone reads a MatMul adds to it.
 *
 * @param holder the node that reads the bias: the layer or the Add
 * @param input  which input of the holder it is
 * @param value  a vector; its length is not compared with the layer's outputs
 */
public record Bias(Node holder, int input, Tensor value) {
    /** The bias of a MatMul, Gemm or Conv; empty for other nodes and where it is no constant vector. */
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
