package dev.quantline.gradient.train;

import dev.quantline.onnx.Tensor;
import java.util.Map;

/**
 * Inputs of a training graph that are computed from outputs of its earlier steps, such as running statistics. They change
 * only with a step, and belong to the state from which a run resumes.
 */
public interface Running {
    /** No such inputs. */
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

    /** Observed outputs of the graph, and the memory that they are written to. */
    Map<String, Tensor> observed();

    /** Inputs of the graph for the next step. */
    Map<String, Tensor> inputs();

    /** Updates the inputs from the outputs of the step. */
    void follow();

    /** Everything that later inputs depend on, by name, as views of FLOAT memory. */
    Map<String, Tensor> state();

    /** Called after the memory of {@link #state} was overwritten with a saved state. */
    void restored();
}
