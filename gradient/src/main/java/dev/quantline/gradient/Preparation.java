package dev.quantline.gradient;

import dev.quantline.gradient.rules.Rules;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.rewrite.ConstantFolding;
import dev.quantline.onnx.rewrite.Pass;
import dev.quantline.onnx.rewrite.ShapeFolding;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Turns a model into the graph that is differentiated: trained tensors become inputs, the opset becomes that of the
 * rules, input sizes are fixed where given, and everything that is then constant (usually all shape arithmetic) is
 * folded.
 */
final class Preparation {
    /** Every round fixes shapes that further shapes depend on; two rounds sufficed for every network seen. */
    private static final int ROUNDS = 4;

    private Preparation() {}

    /**
     * @param sizes   shapes of graph inputs; inputs not named keep their open sizes
     * @param trained initializers or inputs of floating-point type
     * @throws BadInput if {@code trained} names something else, or the model cannot be converted
     */
    static Graph of(Graph model, Map<String, long[]> sizes, Collection<String> trained) {
        var graph = model.copy();
        graph.inputs().removeIf(input -> graph.initializers().containsKey(input.getName()));
        trained.forEach(tensor -> moveToInputs(graph, tensor));
        var converted = convert(graph);
        converted
                .inputs()
                .replaceAll(input -> sizes.containsKey(input.getName())
                        ? ValueInfos.of(
                                input.getName(), ValueInfos.type(input).orElseThrow(), sizes.get(input.getName()))
                        : input);
        return fixShapes(converted);
    }

    private static void moveToInputs(Graph graph, String tensor) {
        var value = graph.initializers().get(tensor);
        var type = value == null
                ? graph.inputs().stream()
                        .filter(input -> input.getName().equals(tensor))
                        .findFirst()
                        .flatMap(ValueInfos::type)
                : Optional.of(value.type());
        if (type.isEmpty() || !type.get().isFloating()) {
            throw new BadInput(
                    "tensor '" + tensor + "' cannot be trained: it must be a floating-point initializer or input");
        }
        if (value != null) {
            graph.initializers().remove(tensor);
            graph.inputs().add(ValueInfos.of(tensor, value.type(), value.shape()));
        }
    }

    /** Operators of newer opsets that the table has compute the same: they only accept more types. */
    private static Graph convert(Graph graph) {
        return graph.opset() < Rules.OPSET ? OnnxLibrary.convert(graph, Rules.OPSET) : graph;
    }

    private static Graph fixShapes(Graph graph) {
        var fixed = new ConstantFolding().apply(graph).graph();
        for (int round = 0; round < ROUNDS && fixed.nodes().stream().anyMatch(node -> node.is("Shape")); round++) {
            int before = fixed.nodes().size();
            fixed = Pass.all(List.of(new ShapeFolding(), new ConstantFolding()), fixed)
                    .graph();
            if (fixed.nodes().size() == before) {
                break;
            }
        }
        fixed.prune();
        return fixed;
    }
}
