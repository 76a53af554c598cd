package dev.quantline.gradient.train;

import dev.quantline.onnx.Tensor;
import java.util.List;
import java.util.Map;

/**
 * An input of a training graph that is computed from trained tensors before each run, in plain code: one pass over a
 * weight replaces many passes of elementwise operators. The graph is differentiated with respect to it as if it were
 * trained, and its gradient is passed on to the tensors that it is computed from. Several are computed in parallel.
 */
public interface ComputedParameter {
    /** The graph input, one of those with respect to which the graph is differentiated. */
    String tensor();

    /** Shape of the input. */
    long[] shape();

    /** The trained tensors that it is computed from, which nothing else depends on. */
    List<String> sources();

    /**
     * Computes the input.
     *
     * @param values the trained tensors by name
     * @param result FLOAT memory to write the input to
     */
    void compute(Map<String, Tensor> values, Tensor result);

    /**
     * Propagates its gradient.
     *
     * @param values    the trained tensors by name, unchanged since {@link #compute}
     * @param gradient  of the loss with respect to the input
     * @param step      steps taken so far
     * @param gradients memory to write the gradients of {@link #sources} to, by name
     */
    void back(Map<String, Tensor> values, Tensor gradient, int step, Map<String, Tensor> gradients);
}
