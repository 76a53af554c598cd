package dev.quantline.data;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import java.util.ArrayDeque;
import java.util.HashSet;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** What a model does first with an input, ignoring operators that only move or cast values. */
final class FirstUse {
    private final Graph model;

    FirstUse(Graph model) {
        this.model = model;
    }

    /** Whether the model normalises the values of this input itself. */
    boolean normalizes(String input) {
        return users(input).anyMatch(use -> normalizes(use.node()));
    }

    private static boolean normalizes(Node node) {
        return Operators.isAny(node, Operators.ARITHMETIC, Operators.NORMALIZING) || node.is("Clip", "Resize");
    }

    private static boolean looksThrough(Node node) {
        return Operators.isAny(node, Operators.MOVING, Operators.COPYING) || node.is("Concat");
    }

    /** How many rows the table has that the input's values number; the smallest of several. */
    OptionalLong vocabulary(String input) {
        return users(input)
                .filter(use -> use.node().is("Gather") && use.node().input(1).equals(use.tensor()))
                .map(use -> model.initializers().get(use.node().input(0)))
                .filter(table -> table != null && table.rank() == 2)
                .mapToLong(table -> table.dim(0))
                .min();
    }

    private record Use(Node node, String tensor) {}

    private Stream<Use> users(String input) {
        var seen = new HashSet<String>(Set.of(input));
        var open = new ArrayDeque<String>(Set.of(input));
        var uses = Stream.<Use>builder();
        while (!open.isEmpty()) {
            String tensor = open.remove();
            Predicate<Node> reads = node -> node.inputs().contains(tensor);
            for (var node : model.nodes().stream().filter(reads).toList()) {
                if (looksThrough(node)) {
                    node.outputs().stream().filter(seen::add).forEach(open::add);
                } else {
                    uses.add(new Use(node, tensor));
                }
            }
        }
        return uses.build();
    }
}
