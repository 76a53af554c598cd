package dev.quantline.quantize.finetune;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Samples;
import java.util.Arrays;
import java.util.List;

/** Zeroes outputs at padded positions in tensors of sentences. */
final class Padded {
    private Padded() {}

    /**
     * Adds a product with {@code attention_mask} to the graph.
     *
     * @param rank of the tensor, whose first axis is the batch axis
     * @param axis the token axis
     * @return the product
     */
    static String zeroed(Graph graph, String tensor, int rank, int axis) {
        var broadcast = new long[rank];
        Arrays.fill(broadcast, 1);
        broadcast[0] = 0;
        broadcast[axis] = -1;
        String floats = graph.fresh(tensor + "/mask");
        String shaped = graph.fresh(tensor + "/mask_shaped");
        String zeroed = graph.fresh(tensor + "/counted");
        graph.add(Node.of("Cast", List.of(Samples.MASK), floats).with("to", 1));
        graph.add(Node.of(
                "Reshape",
                List.of(floats, graph.addConstant(tensor + "/mask_shape", Tensor.vector(broadcast))),
                shaped));
        graph.add(Node.of("Mul", List.of(tensor, shaped), zeroed));
        return zeroed;
    }

    /** The token axis: the only open axis besides the batch axis; -1 if it is ambiguous. */
    static int tokenAxis(long[] shape) {
        int found = -1;
        for (int axis = 1; axis < shape.length; axis++) {
            if (shape[axis] < 0) {
                if (found > 0) {
                    return -1;
                }
                found = axis;
            }
        }
        return found;
    }
}
