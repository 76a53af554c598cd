package dev.quantline.quantize.plan;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.ElementTypes;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.quantize.plan.Placement.QuantizationPoint;
import dev.quantline.quantize.plan.Placement.Weight;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Walks a canonical graph once and finds its {@link Placement} of quantizers. */
final class PlacementSearch {
    private final Graph graph;
    private final GraphIndex index;
    private final Set<String> floats = new HashSet<>();
    private final Exclusions exclusions;
    private final Set<String> masked;
    private final StorableConstants constants;
    private final Map<String, QuantizationPoint> points = new LinkedHashMap<>();
    private final List<Weight> weights = new ArrayList<>();
    private final Set<String> onCodes = new LinkedHashSet<>();

    PlacementSearch(Graph graph, List<String> exclude) {
        this.graph = graph;
        exclusions = new Exclusions(exclude);
        index = graph.index();
        masked = MaskConstants.in(graph);
        constants = new StorableConstants(index);
        ElementTypes.of(graph).forEach((name, type) -> {
            if (type == DataType.FLOAT) {
                floats.add(name);
            }
        });
    }

    Placement find() {
        for (var node : graph.nodes()) {
            if (exclusions.leave(node, index) || GivenCodes.areReadBy(index, node)) {
                continue;
            }
            if (node.is("MatMul", "Gemm")) {
                product(node);
            } else if (node.is("Conv")) {
                convolution(node);
            } else if (constants.isLookup(node)) {
                weights.add(new Weight(node.input(0), node.name(), 0, 1));
            } else if (constants.addsPositions(node)) {
                int input = constants.constantOf(node);
                int axis = constants.constant(node, input).rank() - 1;
                weights.add(new Weight(node.input(input), node.name(), input, axis));
            } else if (!FloatKernels.weights(node).isEmpty()) {
                FloatKernels.weights(node).forEach(input -> store(node, input));
            } else if (RuntimeKernels.keepCodes(node)) {
                carry(node);
            }
        }
        return new Placement(points, weights);
    }

    private void product(Node node) {
        boolean usable = floats.contains(node.input(0))
                && floats.contains(node.input(1))
                && (index.constant(node.input(0)).isEmpty()
                        || index.constant(node.input(1)).isEmpty());
        if (!usable) {
            return;
        }
        for (int i = 0; i < 2; i++) {
            var constant = index.constant(node.input(i));
            if (constant.isEmpty()) {
                read(node.input(i), node, -1);
            } else {
                boolean columns = i == 1 && constant.get().rank() == 2;
                int axis = !columns ? -1 : node.is("Gemm") && node.intOf("transB", 0) == 1 ? 0 : 1;
                weights.add(new Weight(node.input(i), node.name(), i, axis));
            }
        }
    }

    private void convolution(Node node) {
        var weight = index.constant(node.input(1));
        if (weight.isEmpty()
                || !floats.contains(node.input(0))
                || node.hasInput(2) && index.constant(node.input(2)).isEmpty()) {
            return;
        }
        if (FloatKernels.isFaster(node, weight.get())) {
            store(node, 1);
            return;
        }
        read(node.input(0), node, 1);
        weights.add(new Weight(node.input(1), node.name(), 1, 0));
        write(node.output());
    }

    /** Stores a constant that a float kernel multiplies by. */
    private void store(Node node, int input) {
        if (constants.hasWeight(node, input)) {
            int axis = FloatKernels.axis(node, input, constants.constant(node, input));
            weights.add(new Weight(node.input(input), node.name(), input, axis));
        }
    }

    private void carry(Node node) {
        boolean moves = RuntimeKernels.MOVING.has(node.op());
        var data = moves ? List.of(node.input(0)) : node.inputs();
        if (!data.stream().allMatch(onCodes::contains)
                || node.outputs().stream().anyMatch(graph.initializers()::containsKey)) {
            return;
        }
        for (String output : node.outputs().stream().filter(floats::contains).toList()) {
            if (moves) {
                onCodes.add(output);
                points.put(
                        output,
                        new QuantizationPoint(
                                output, Set.of(), points.get(data.getFirst()).gridOf(), 1));
            } else {
                write(output);
            }
        }
    }

    /** Quantizes a tensor for {@code node}; a tensor that is already quantized stays as it is. */
    private void read(String tensor, Node node, int axis) {
        if (!onCodes.contains(tensor) && !masked.contains(tensor)) {
            var readers = new LinkedHashSet<>(
                    points.containsKey(tensor) ? points.get(tensor).readers() : Set.of());
            readers.add(node.name());
            points.put(tensor, new QuantizationPoint(tensor, readers, tensor, axis));
        }
    }

    /** Quantizes a tensor at its producer, or the output of a Relu or Clip directly after it; not if it already has its quantizer. */
    private void write(String tensor) {
        var bounded = index.onlyConsumer(tensor)
                .filter(next -> !exclusions.leave(next, index)
                        && (next.is("Relu") || next.is("Clip") && next.input(0).equals(tensor)));
        String written = bounded.map(Node::output).orElse(tensor);
        if (GivenCodes.areMadeOf(index, written)) {
            return;
        }
        onCodes.add(written);
        points.put(written, new QuantizationPoint(written, Set.of(), written, 1));
    }
}
