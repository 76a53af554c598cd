package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import dev.quantline.quantize.linear.LayerWeight;
import dev.quantline.quantize.plan.Placement;
import dev.quantline.quantize.profile.Profile;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * A part of a model whose quantizers depend on those of no other part: activations that share a grid stay together, and the
 * constants of a layer with the activation that it reads. Parts are made from the float model before channels are moved.
 *
 * @param activations names of tensors to quantize
 * @param nodes       names of the nodes whose constants are to be quantized
 */
public record CalibrationPart(Set<String> activations, Set<String> nodes) {
    /**
     * Values that a candidate touches, for each part to be worth fetching the model and running the samples: about five seconds of
     * searching on two cores.
     */
    public static final long WORTH = 20_000_000;
    /** Each part also runs the calibration samples. */
    private static final int MOST = 32;

    private static CalibrationPart empty() {
        return new CalibrationPart(new TreeSet<>(), new TreeSet<>());
    }

    /** Everything. */
    static CalibrationPart whole(Placement placement) {
        var whole = empty();
        placement.activations().keySet().forEach(whole.activations::add);
        placement.weights().forEach(weight -> whole.nodes.add(weight.node()));
        return whole;
    }

    boolean isEmpty() {
        return activations.isEmpty() && nodes.isEmpty();
    }

    /** Divides a model's groups of dependent places in graph order. */
    static final class Split {
        private final Map<String, CalibrationPart> groups = new LinkedHashMap<>();
        private final Map<String, Double> costs = new HashMap<>();

        Split(Graph model, Placement placement, Profile profile, CalibrateSettings settings) {
            double share = Math.min(1, (double) settings.samples() / Math.max(1, profile.samples()))
                    * settings.widths(settings.activationBits()).size();
            var index = model.index();
            for (var point : placement.activations().values()) {
                String group = root(placement, point.tensor());
                group(group).activations.add(point.tensor());
                var seen = profile.tensors().get(point.tensor());
                double values = seen == null ? 0 : seen.histogram().total() * share;
                index.consumers(point.tensor()).stream()
                        .filter(Operators.LAYERS::has)
                        .forEach(node -> costs.merge(group, values + touched(model, node, values), Double::sum));
            }
            var nodes = new HashMap<String, Node>();
            model.nodes().forEach(node -> nodes.put(node.name(), node));
            for (var weight : placement.weights()) {
                String group = nodes.get(weight.node()).inputs().stream()
                        .filter(placement.activations()::containsKey)
                        .findFirst()
                        .map(tensor -> root(placement, tensor))
                        .orElse(weight.node());
                group(group).nodes.add(weight.node());
                costs.merge(
                        group,
                        (double) model.initializers().get(weight.tensor()).size(),
                        Double::sum);
            }
        }

        private CalibrationPart group(String name) {
            return groups.computeIfAbsent(name, _ -> empty());
        }

        private static String root(Placement placement, String tensor) {
            var point = placement.activations().get(tensor);
            return point == null || point.gridOf().equals(tensor) ? tensor : root(placement, point.gridOf());
        }

        /** Weights and outputs of a layer. */
        private static double touched(Graph model, Node layer, double inputs) {
            return LayerWeight.of(model, layer)
                    .map(weight -> weight.tensor().size()
                            + inputs * weight.outputs() * kernel(weight) / weight.inputs() / weight.groups())
                    .orElse(inputs);
        }

        private static double kernel(LayerWeight weight) {
            double positions = 1;
            for (long size : weight.kernel()) {
                positions *= size;
            }
            return positions;
        }

        /** At most {@value #MOST} parts of about the same cost, {@code worth} at least, in graph order; one if more are not worth it. */
        List<CalibrationPart> parts(double worth) {
            double all =
                    costs.values().stream().mapToDouble(Double::doubleValue).sum();
            int count = (int) Math.clamp(all / worth, 1, MOST);
            var parts = Stream.generate(CalibrationPart::empty).limit(count).toList();
            double before = 0;
            for (var group : groups.entrySet()) {
                double cost = costs.getOrDefault(group.getKey(), 0.0);
                var part = parts.get((int) Math.min(count - 1, (before + cost / 2) * count / Math.max(1, all)));
                part.activations.addAll(group.getValue().activations);
                part.nodes.addAll(group.getValue().nodes);
                before += cost;
            }
            var filled = new ArrayList<>(parts);
            filled.removeIf(CalibrationPart::isEmpty);
            return filled.isEmpty() ? List.of(empty()) : List.copyOf(filled);
        }
    }
}
