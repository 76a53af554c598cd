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

/** What training changed: constants, scales of weights, scales of activations. */
final class Tuned {
    private final Map<String, Tensor> constants = new LinkedHashMap<>();
    private final Map<String, Uniform> weights = new HashMap<>();
    private final Map<String, Quantizer> activations = new HashMap<>();

    void constant(String name, Tensor value) {
        constants.put(name, value);
    }

    /** The quantizer of the weight that {@code node} reads. */
    void weight(String node, Uniform quantizer) {
        weights.put(node, quantizer);
    }

    /** The quantizer of a tensor and of all that share it. */
    void activation(String tensor, Uniform quantizer) {
        activations.put(tensor, quantizer);
    }

    /** Model and plan with all changes. */
    State applyTo(State state, SharedQuantizers shared) {
        return new State(applyTo(state.model()), applyTo(state.plan(), shared));
    }

    /** The model with the changed constants. */
    Graph applyTo(Graph model) {
        var changed = model.copy();
        changed.initializers().putAll(constants);
        return changed;
    }

    /** The plan with the changed quantizers. */
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
