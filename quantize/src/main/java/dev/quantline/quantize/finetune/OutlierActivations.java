package dev.quantline.quantize.finetune;

import dev.quantline.gradient.loss.Loss;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.pattern.ActivationKind;
import dev.quantline.onnx.pattern.ActivationKinds;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.plan.Placement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The activations whose outliers are reduced: all that will be quantized except inputs, which training cannot change, and
 * probabilities from Softmax, whose range is fixed. Padding counts as 0.
 */
final class OutlierActivations {
    private static final Set<ActivationKind> LEFT = Set.of(ActivationKind.INPUT, ActivationKind.SOFTMAX);

    private final List<Activation> activations = new ArrayList<>();

    /**
     * One activation.
     *
     * @param tensor   the activation with padding zeroed
     * @param observed output {@code [4]}: mean, mean square, minimum and maximum of a batch
     */
    record Activation(String tensor, String observed) {
        /** Input of its loss: mean, width and variance. */
        String statistics() {
            return tensor + "/statistics";
        }

        /** Input: its weight among all activations. */
        String weight() {
            return tensor + "/weight";
        }
    }

    /**
     * Finds the activations and adds their observers to the graph.
     *
     * @param exclude names of nodes or tensors that stay float
     */
    OutlierActivations(Graph graph, List<String> exclude) {
        var kinds = new ActivationKinds(graph.index());
        var shapes = OnnxLibrary.inferShapes(graph);
        boolean padded = TaskLoss.has(graph, Samples.MASK);
        for (var activation : Placement.of(graph, exclude).activations().values()) {
            if (activation.gridOf().equals(activation.tensor()) && !LEFT.contains(kinds.kindOf(activation.tensor()))) {
                var shape = Optional.ofNullable(shapes.get(activation.tensor()))
                        .flatMap(ValueInfos::shape)
                        .orElse(new long[0]);
                int tokens = padded ? Padded.tokenAxis(shape) : -1;
                String counted = tokens < 0
                        ? activation.tensor()
                        : Padded.zeroed(graph, activation.tensor(), shape.length, tokens);
                activations.add(new Activation(counted, observe(graph, counted)));
            }
        }
        graph.sort();
    }

    private static String observe(Graph graph, String tensor) {
        String square = graph.fresh(tensor + "/square");
        String observed = graph.fresh(tensor + "/observed");
        graph.add(Node.of("Mul", List.of(tensor, tensor), square));
        var parts = List.of(
                all(graph, "ReduceMean", tensor),
                all(graph, "ReduceMean", square),
                all(graph, "ReduceMin", tensor),
                all(graph, "ReduceMax", tensor));
        graph.add(Node.of("Concat", parts, observed).with("axis", 0));
        return observed;
    }

    /** A reduction over all elements, {@code [1]}. */
    private static String all(Graph graph, String reduction, String tensor) {
        String scalar = graph.fresh(tensor + "/" + reduction);
        String vector = graph.fresh(tensor + "/" + reduction);
        graph.add(Node.of(reduction, List.of(tensor), scalar).with("keepdims", 0));
        graph.add(Node.of("Reshape", List.of(scalar, graph.addConstant(tensor + "/one", Tensor.vector(1L))), vector));
        return vector;
    }

    List<Activation> all() {
        return activations;
    }

    /** One term per activation, whose weight is an input of the graph. */
    List<Loss.Term> terms() {
        return activations.stream()
                .map(activation -> new Loss.Term(
                        1, activation.weight(), new Loss.Outliers(activation.tensor(), activation.statistics())))
                .toList();
    }
}
