package dev.quantline.gradient.train;

import dev.quantline.onnx.Tensor;
import java.util.Map;

/**
 * Inputs of a training graph that follow from what its earlier steps put out, running statistics for instance. They change
 * only with a step, and belong to the state that a run goes on from.
 */
public interface Running {
    /** Nothing follows from anything. */
    Running NONE = new Running() {
        @Override
        public Map<String, Tensor> observed() {
            return Map.of();
        }

        @Override
        public Map<String, Tensor> inputs() {
            return Map.of();
        }

        @Override
        public void follow() {}

        @Override
        public Map<String, Tensor> state() {
            return Map.of();
        }

        @Override
        public void restored() {}
    };

    /** Outputs of the graph it looks at, and the memory they are written to. */
    Map<String, Tensor> observed();

    /** Inputs of the graph as the next step is to see them. */
    Map<String, Tensor> inputs();

    /** Takes over what the step put out. */
    void follow();

    /** Everything that later inputs depend on, by a name of its own: views of FLOAT memory. */
    Map<String, Tensor> state();

    /** The memory of {@link #state} was overwritten by what was saved. */
    void restored();
}
