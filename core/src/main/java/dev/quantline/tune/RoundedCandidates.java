package dev.quantline.tune;

import dev.quantline.linear.InputProducts;
import dev.quantline.onnx.Graph;
import dev.quantline.plan.QuantizationPlan;
import dev.quantline.runtime.Progress;
import dev.quantline.runtime.Provider;
import dev.quantline.runtime.Samples;
import java.util.Map;
import java.util.TreeMap;

/**
 * Weights for every width that allocation may choose: each layer is rounded with compensation on what the float network hands it
 * and its bias corrected, so that layers of different widths can be put together without tuning again.
 */
public final class RoundedCandidates {
    private RoundedCandidates() {
    }

    /**
     * The float model with weights and biases as each width wants them.
     *
     * @param plans by width of weights: the plan in which all have that width
     * @param count calibration samples used at most; the last quarter of them is left to those who judge
     * @param batch samples run at once
     */
    public static Map<Integer, Graph> of(Graph model, Map<Integer, QuantizationPlan> plans, Samples samples, int count, int batch,
                                         Provider provider, Progress progress) {
        int used = BlockTuning.Split.of(Math.min(count, samples.size())).train();
        var products = InputProducts.of(model, samples, 0, used, batch, provider, progress.part(0, 0.3));
        var rounded = new TreeMap<Integer, Graph>();
        plans.forEach((bits, plan) -> {
            var part = progress.part(0.3 + 0.7 * rounded.size() / plans.size(), 0.3 + 0.7 * (rounded.size() + 1) / plans.size());
            var weights = CompensatedRounding.apply(model, plan, products, part.part(0, 0.5));
            rounded.put(bits, BiasCorrection.apply(model, weights, plan, samples, 0, used, batch, provider, part.part(0.5, 1)));
        });
        return rounded;
    }
}
