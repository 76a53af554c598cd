package dev.quantline.prepare;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.OnnxLibrary;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;

/**
 * The canonical form of a model: accepted by the official checker, opset 17 to 20, no initializer among the inputs,
 * constants folded, no Identity or inference-time Dropout inside, unique node names, nodes in an order that can run.
 */
public final class Canonical {
    /** The opset older models are converted to: the first with LayerNormalization, per-channel quantization included. */
    public static final int OPSET = 17;
    private static final int NEWEST = 21;

    private Canonical() {
    }

    /**
     * Brings a model into canonical form. In float it computes the same.
     *
     * @throws BadInput when the checker refuses it, its opset is not between 7 and 21, or it cannot be converted
     */
    public static Graph of(Graph model) {
        if (model.opset() < 7 || model.opset() > NEWEST) {
            throw new BadInput("opset " + model.opset() + " is not supported: export the model at opset 7 to " + NEWEST);
        }
        OnnxLibrary.check(model);
        var graph = model.withOpset("", model.opset());
        graph.inputs().removeIf(input -> graph.initializers().containsKey(input.getName()));
        var converted = graph.opset() < OPSET ? OnnxLibrary.convert(graph, OPSET) : graph;
        nameNodes(converted);
        converted.sort();
        var folded = ConstantFolding.apply(converted);
        dropPassThrough(folded);
        folded.prune();
        return folded;
    }

    private static void nameNodes(Graph graph) {
        var names = new HashSet<String>();
        graph.nodes().replaceAll(node -> {
            String base = node.name().isEmpty() ? node.output() : node.name();
            String name = base;
            for (int i = 1; !names.add(name); i++) {
                name = base + "_" + i;
            }
            return node.withName(name);
        });
    }

    private static void dropPassThrough(Graph graph) {
        var renamed = new HashMap<String, String>();
        var index = graph.index();
        for (var node : graph.nodes()) {
            boolean keepsOthers = node.is("Dropout") && node.outputs().size() > 1 && !index.consumers(node.output(1)).isEmpty();
            boolean inside = !index.isOutput(node.output()) && node.captured().isEmpty() && !isCaptured(index.consumers(node.output()), node.output());
            if (node.is("Identity", "Dropout") && !keepsOthers && inside) {
                renamed.put(node.output(), renamed.getOrDefault(node.input(0), node.input(0)));
            }
        }
        graph.rewrite(node -> renamed.containsKey(node.output()) ? List.of()
            : List.of(node.mapInputs(input -> renamed.getOrDefault(input, input))));
    }

    private static boolean isCaptured(List<Node> consumers, String tensor) {
        return consumers.stream().anyMatch(consumer -> consumer.captured().contains(tensor));
    }
}
