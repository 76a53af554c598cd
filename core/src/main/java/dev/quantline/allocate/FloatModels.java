package dev.quantline.allocate;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The float model as calibration left it, and as tuning changed it for the base width and for widths of weights: the same nodes
 * with other constants. A layer has the constants of its width, as calibration left them where nothing was tuned for it: weights
 * that were shifted to round well to few bits are no better for more.
 *
 * @param calibrated the model before tuning
 * @param tuned      the model tuned for the base width
 * @param rounded    by width of weights: the model with weights rounded for it, layer by layer
 */
public record FloatModels(Graph calibrated, Graph tuned, Width base, Map<Integer, Graph> rounded) {
    /** The model with everything as a width has it. */
    Graph of(Width width) {
        return width.equals(base) ? tuned : rounded.getOrDefault(width.weights(), calibrated);
    }

    /** The model in which every layer has the constants of its width; those of no layer are the tuned ones. */
    public Graph splice(Map<String, Width> chosen) {
        var spliced = tuned.copy();
        var index = tuned.index();
        for (var node : tuned.nodes()) {
            if (chosen.containsKey(node.name()) && !chosen.get(node.name()).equals(base)) {
                var owned = new ArrayList<>(List.of(node));
                // The bias of a MatMul is added behind it.
                index.consumers(node.output()).stream().filter(next -> next.is("Add")).forEach(owned::add);
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

    /** Constants correspond by place, not by name: a corrected bias has a name of its own. What is missing on one side is 0. */
    private static void copyConstants(Graph from, Node source, Graph to, Node target) {
        for (int i = 0; i < target.inputs().size(); i++) {
            var present = to.initializers().get(target.input(i));
            if (present != null && present.type() == DataType.FLOAT) {
                var other = source == null ? null : from.initializers().get(source.input(i));
                to.initializers().put(target.input(i), other == null ? Tensor.zeros(DataType.FLOAT, present.shape()) : other);
            }
        }
    }
}
