package dev.quantline.allocate;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * The float model as calibration left it, and as tuning for the base width changed it: the same nodes with other constants.
 * A layer of the base width has the tuned constants, any other the ones from before: weights that were shifted to round well
 * to few bits are no better for more.
 */
public record FloatModels(Graph calibrated, Graph tuned, Width base) {
    /** The model with everything as a width has it. */
    Graph of(Width width) {
        return width.equals(base) ? tuned : calibrated;
    }

    /** The model in which every layer has the constants of its width; those of no layer are the tuned ones. */
    public Graph splice(Map<String, Width> chosen) {
        var spliced = tuned.copy();
        var nodes = byName(calibrated);
        var index = tuned.index();
        for (var node : tuned.nodes()) {
            if (chosen.containsKey(node.name()) && !chosen.get(node.name()).equals(base)) {
                var owned = new ArrayList<>(List.of(node));
                // The bias of a MatMul is added behind it.
                index.consumers(node.output()).stream().filter(next -> next.is("Add")).forEach(owned::add);
                owned.forEach(to -> copyConstants(calibrated, nodes.get(to.name()), spliced, to));
            }
        }
        return spliced;
    }

    /** A part of the calibrated model with the constants of a width. */
    Graph withConstants(Graph part, Width width) {
        var nodes = byName(of(width));
        part.nodes().forEach(node -> copyConstants(of(width), nodes.get(node.name()), part, node));
        return part;
    }

    private static Map<String, Node> byName(Graph graph) {
        return graph.nodes().stream().collect(Collectors.toMap(Node::name, Function.identity(), (one, other) -> one));
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
