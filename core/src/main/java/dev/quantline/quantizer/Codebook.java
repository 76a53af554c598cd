package dev.quantline.quantizer;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.List;

/**
 * The numbers a quantizer's codes stand for, and where one code gives way to the next: any monotone quantizer of a whole
 * tensor, as two tables.
 *
 * @param levels     number of code q, not descending with q unless {@code falling}
 * @param thresholds {@code thresholds[q]}: up to here (from here, when falling) code q is taken, beyond it q + 1
 * @param falling    whether larger numbers have smaller codes
 */
record Codebook(float[] levels, float[] thresholds, boolean falling) {
    int quantize(float x) {
        int low = 0;
        int high = thresholds.length;
        while (low < high) {
            int middle = low + high >>> 1;
            if (falling ? x < thresholds[middle] : x > thresholds[middle]) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    Tensor fakeQuantize(Tensor x) {
        var values = x.toFloats();
        for (int i = 0; i < values.length; i++) {
            values[i] = levels[quantize(values[i])];
        }
        return Tensor.of(values, x.shape());
    }

    /** Restores UINT8 codes by looking them up. */
    void writeLookup(Graph graph, String base, String codes, String output) {
        String index = graph.fresh(base + "/index");
        graph.nodes().add(Node.of("Cast", List.of(codes), index).with("to", (long) DataType.INT32.code()));
        graph.nodes().add(Node.of("Gather", List.of(graph.addConstant(base + "/levels", Tensor.vector(levels)), index), output));
    }
}
