package dev.quantline.gradient.train;

import dev.quantline.onnx.Tensor;
import java.util.List;
import java.util.Map;

/**
 * An input of a training graph that is computed from trained tensors before each run, in plain code: what would take many
 * passes of elementwise operators over a weight takes one here. The graph is differentiated for it like for a trained
 * tensor, and its gradient goes on to the tensors it is computed from. Several are computed side by side.
 */
public interface ComputedParameter {
    /** The graph's input, one of those differentiated for. */
    String tensor();

    /** Shape of the input. */
    long[] shape();

    /** The trained tensors it is computed from, which nothing else depends on. */
    List<String> sources();

    /**
     * Computes it.
     *
     * @param values the trained tensors by name
     * @param result FLOAT memory to write it to
     */
    void compute(Map<String, Tensor> values, Tensor result);

    /**
     * Takes its gradient back.
     *
     * @param values    the trained tensors by name, unchanged since {@link #compute}
     * @param gradient  of the loss for the input
     * @param step      steps taken so far
     * @param gradients memory to write the gradients of {@link #sources} to, by name
     */
    void back(Map<String, Tensor> values, Tensor gradient, int step, Map<String, Tensor> gradients);
}
