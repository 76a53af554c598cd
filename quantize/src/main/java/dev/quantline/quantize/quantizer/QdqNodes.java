package dev.quantline.quantize.quantizer;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import java.util.List;
import java.util.Optional;

/**
 * The nodes that quantize a whole tensor uniformly and dequantize it. Their numbers are tensors of the graph: constants, or
 * computed from trained tensors.
 *
 * @param bounds    clipping bounds if codes are narrower than their type, whose saturation then does not suffice
 * @param scale     name of a scalar
 * @param zeroPoint name of a scalar of the type of the codes
 */
public record QdqNodes(Optional<Bounds> bounds, String scale, String zeroPoint) {
    /** Names of scalars: the lowest and the highest representable number. */
    public record Bounds(String lowest, String highest) {}

    /**
     * Adds the nodes to a graph.
     *
     * @param base prefix for the names of intermediate tensors
     */
    public void write(Graph graph, String base, String input, String output) {
        String clipped = bounds.isPresent() ? graph.fresh(base + "/clipped") : input;
        bounds.ifPresent(ends -> graph.add(Node.of("Clip", List.of(input, ends.lowest(), ends.highest()), clipped)));
        String codes = graph.fresh(base + "/quantized");
        graph.add(Node.of("QuantizeLinear", List.of(clipped, scale, zeroPoint), codes));
        graph.add(Node.of("DequantizeLinear", List.of(codes, scale, zeroPoint), output));
    }
}
