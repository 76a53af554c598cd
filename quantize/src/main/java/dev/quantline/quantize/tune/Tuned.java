package dev.quantline.quantize.tune;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Quantizer;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.tune.BlockTuning.State;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/** The changes that training made: constants, weight scales, activation scales. */
final class Tuned {
    private final Map<String, Tensor> constants = new LinkedHashMap<>();
    private final Map<String, Uniform> weights = new HashMap<>();
    private final Map<String, Quantizer> activations = new HashMap<>();

    void constant(String name, Tensor value) {
        constants.put(name, value);
    }

    /** Changes the quantizer of the weight that {@code node} reads. */
    void weight(String node, Uniform quantizer) {
        weights.put(node, quantizer);
    }

    /** Changes the quantizer of a tensor and of all tensors that share it. */
    void activation(String tensor, Uniform quantizer) {
        activations.put(tensor, quantizer);
    }

    /** The model and the plan with all changes. */
    State applyTo(State state, SharedQuantizers shared) {
        return new State(applyTo(state.model()), applyTo(state.plan(), shared));
    }

    Graph applyTo(Graph model) {
        var changed = model.copy();
        changed.initializers().putAll(constants);
        return changed;
    }

    QuantizationPlan applyTo(QuantizationPlan plan, SharedQuantizers shared) {
        var moved = plan.activations().stream()
                .map(old -> new QuantizationPlan.Activation(
                        old.tensor(),
                        old.readers(),
                        activations.getOrDefault(shared.rootOf(old.tensor()), old.quantizer()),
                        old.range()))
                .toList();
        return new QuantizationPlan(moved, plan.weights()).withWeights(weights);
    }
}
