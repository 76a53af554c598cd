package dev.quantline.onnx.rewrite;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import java.util.HashMap;
import java.util.List;

/** Removes every Identity and every Dropout in inference mode whose readers can read its input instead. */
record IdentityDropping() implements Pass {
    @Override
    public String name() {
        return "identities dropped";
    }

    @Override
    public Rewritten apply(Graph model) {
        var graph = model.copy();
        var renamed = new HashMap<String, String>();
        var index = graph.index();
        for (var node : graph.nodes()) {
            boolean inside = !index.isOutput(node.output())
                    && index.consumers(node.output()).stream()
                            .noneMatch(reader -> reader.captured().contains(node.output()));
            if (inside && (node.is("Identity") || node.is("Dropout") && passesThrough(index, node))) {
                renamed.put(node.output(), renamed.getOrDefault(node.input(0), node.input(0)));
            }
        }
        graph.rewrite(node -> renamed.containsKey(node.output())
                ? List.of()
                : List.of(node.mapInputs(input -> renamed.getOrDefault(input, input))));
        graph.prune();
        return new Rewritten(graph, this, List.copyOf(renamed.keySet()), List.of());
    }

    /** Whether a Dropout is in inference mode and its mask is unused. */
    private static boolean passesThrough(GraphIndex index, Node dropout) {
        boolean training = dropout.hasInput(2) && index.number(dropout.input(2)).orElse(1.0) != 0;
        boolean masks = dropout.outputs().size() > 1
                && (index.isOutput(dropout.output(1))
                        || !index.consumers(dropout.output(1)).isEmpty());
        return !training && !masks;
    }
}
