package dev.quantline.quantize.plan;

import dev.quantline.onnx.Graph;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Where quantizers belong in a canonical graph, so that onnxruntime runs integer kernels and nothing else is touched.
 *
 * <p>MatMul and Gemm read quantized inputs and write floats. Convolutions read and write quantized tensors, and operators
 * between them that have integer kernels (pooling, residual Add, Concat, reshapes) stay quantized if all their inputs are; a
 * Relu or Clip directly after a convolution or Add is absorbed by its quantizer. Embedding tables and the weights of
 * {@link FloatKernels} are stored as codes. Everything else (normalisation, softmax, residual adds of transformers) stays
 * float, as does every tensor with the constants of attention masks. {@link GivenCodes Layers that were already quantized} stay
 * as they are.
 *
 * @param activations quantization points by tensor, in graph order
 * @param weights     constants that become codes
 */
public record Placement(Map<String, QuantizationPoint> activations, List<Weight> weights) {
    /**
     * An activation to quantize.
     *
     * @param tensor  its name
     * @param readers names of the nodes that read it quantized; empty: all do, graph outputs included
     * @param gridOf  the tensor whose quantizer it must share; its own name if it shares none
     * @param axis    channel axis, -1 (the last) or 1 (the second), for per-channel statistics
     */
    public record QuantizationPoint(String tensor, Set<String> readers, String gridOf, int axis) {}

    /**
     * A constant to store as codes.
     *
     * @param node  the node that reads it
     * @param input which input of the node it is
     * @param axis  output-channel axis of the constant; {@code Uniform.PER_TENSOR} for one scale
     */
    public record Weight(String tensor, String node, int input, int axis) {}

    /**
     * Finds the quantization points and constants.
     *
     * @param exclude names of nodes or tensors to leave float; globs are allowed
     * @throws dev.quantline.onnx.BadInput naming an invalid glob
     */
    public static Placement of(Graph graph, List<String> exclude) {
        return new PlacementSearch(graph, exclude).find();
    }

    /**
     * Checks that every entry of {@code exclude} matches something.
     *
     * @param exclude names of nodes or tensors; globs are allowed
     * @param graphs  the model in all the forms whose names the user may have seen
     * @throws dev.quantline.onnx.BadInput naming an entry that matches no node or tensor in any of them
     */
    public static void checkExcluded(List<String> exclude, List<Graph> graphs) {
        Exclusions.check(exclude, graphs);
    }

    /**
     * Some of the places, in the same order.
     *
     * @param tensors names of activations
     * @param nodes   names of nodes whose constants are kept
     * @throws IllegalStateException if an activation is to share the quantizer of one that is left out
     */
    public Placement only(Set<String> tensors, Set<String> nodes) {
        var kept = new LinkedHashMap<>(activations);
        kept.keySet().retainAll(tensors);
        kept.values().forEach(point -> {
            if (activations.containsKey(point.gridOf()) && !kept.containsKey(point.gridOf())) {
                throw new IllegalStateException(point.tensor() + " shares the quantizer of " + point.gridOf());
            }
        });
        return new Placement(
                kept,
                weights.stream().filter(weight -> nodes.contains(weight.node())).toList());
    }

    /** Whether there is anything to quantize. */
    public boolean isEmpty() {
        return weights.isEmpty() && activations.isEmpty();
    }
}
