package dev.quantline.quantize.plan;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.quantizer.Uniform;
import java.util.HashMap;
import java.util.List;

/** A plan with the same range for every activation and the largest magnitude for every weight. */
final class Grids {
    private Grids() {}

    static QuantizationPlan plan(Graph graph, int bits, double lo, double hi) {
        var placement = Placement.of(graph, List.of());
        var grids = new HashMap<String, Uniform>();
        var activations = placement.activations().values().stream()
                .map(site -> new QuantizationPlan.Activation(
                        site.tensor(),
                        site.readers(),
                        grids.computeIfAbsent(site.gridOf(), tensor -> Uniform.asymmetric(bits, lo, hi)),
                        "fixed"))
                .toList();
        var weights = placement.weights().stream()
                .map(weight -> new QuantizationPlan.Weight(
                        weight.tensor(),
                        weight.node(),
                        weight.input(),
                        symmetric(graph.initializers().get(weight.tensor()), bits, weight.axis())))
                .toList();
        return new QuantizationPlan(activations, weights);
    }

    static Uniform symmetric(Tensor tensor, int bits, int axis) {
        int channels = axis < 0 ? 1 : tensor.dim(axis);
        int inner = 1;
        for (int i = axis + 1; axis >= 0 && i < tensor.rank(); i++) {
            inner *= tensor.dim(i);
        }
        var largest = new double[channels];
        for (int i = 0; i < tensor.size(); i++) {
            largest[i / inner % channels] = Math.max(largest[i / inner % channels], Math.abs(tensor.get(i)));
        }
        return Uniform.symmetric(bits, axis, largest);
    }
}
