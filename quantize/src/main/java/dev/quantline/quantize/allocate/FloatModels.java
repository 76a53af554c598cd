package dev.quantline.quantize.allocate;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.settings.Width;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The float model as calibrated, and versions of it for each width of weights: the same nodes with other constants. A layer uses
 * the constants for its own width only: weights shifted to round well to few bits are no better at more bits, and unshifted
 * weights lose accuracy at few.
 *
 * @param calibrated the model before tuning
 * @param base       the width of everything that belongs to no layer with a choice
 * @param byWeights  by width of weights, that of {@code base} included: the model whose weights are to be rounded to that width
 */
public record FloatModels(Graph calibrated, Width base, Map<Integer, Graph> byWeights) {
    /** @throws IllegalArgumentException if there is no model for {@code base} */
    public FloatModels {
        byWeights = new TreeMap<>(byWeights);
        of(byWeights, base);
    }

    public Graph ofBase() {
        return of(base);
    }

    /**
     * The model whose constants are all those of one width.
     *
     * @throws IllegalArgumentException if there is none for it
     */
    Graph of(Width width) {
        return of(byWeights, width);
    }

    private static Graph of(Map<Integer, Graph> byWeights, Width width) {
        var model = byWeights.get(width.weights());
        if (model == null) {
            throw new IllegalArgumentException(
                    "there are float models for weights of " + byWeights.keySet() + " bits, not for " + width);
        }
        return model;
    }

    /** The model in which every layer has the constants of its width; all other constants are those of the base width. */
    public Graph splice(Map<String, Width> chosen) {
        var spliced = ofBase().copy();
        var index = ofBase().index();
        for (var node : ofBase().nodes()) {
            if (chosen.containsKey(node.name())) {
                var owned = new ArrayList<>(List.of(node));
                // The bias of a MatMul is added after it.
                index.consumers(node.output()).stream()
                        .filter(next -> next.is("Add"))
                        .forEach(owned::add);
                var from = of(chosen.get(node.name()));
                owned.forEach(to -> copyConstants(from, from.node(to.name()).orElse(null), spliced, to));
            }
        }
        return spliced;
    }

    /** A part of the calibrated model with the constants of a width. */
    Graph withConstants(Graph part, Width width) {
        var from = of(width);
        part.nodes().forEach(node -> copyConstants(from, from.node(node.name()).orElse(null), part, node));
        return part;
    }

    /** Constants correspond by position, not by name, because corrected biases have new names. A constant missing on one side is 0. */
    private static void copyConstants(Graph from, Node source, Graph to, Node target) {
        for (int i = 0; i < target.inputs().size(); i++) {
            var present = to.initializers().get(target.input(i));
            if (present != null && present.type() == DataType.FLOAT) {
                var other = source == null ? null : from.initializers().get(source.input(i));
                to.initializers()
                        .put(target.input(i), other == null ? Tensor.zeros(DataType.FLOAT, present.shape()) : other);
            }
        }
    }
}
