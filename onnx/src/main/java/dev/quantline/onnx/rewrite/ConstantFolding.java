package dev.quantline.onnx.rewrite;

import ai.onnx.proto.OnnxMl.ValueInfoProto;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Operators;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.TensorProtos;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;

/**
 * Computes everything that depends only on constants, in one ONNX Runtime run, and keeps the results as initializers.
 * Shapes of dynamic inputs are not constants: dynamic axes stay dynamic.
 */
public record ConstantFolding() implements Pass {
    @Override
    public String name() {
        return "constants folded";
    }

    /** A copy of {@code graph} in which everything that depends only on initializers and Constant nodes is computed. */
    @Override
    public Rewritten apply(Graph graph) {
        var folded = graph.copy();
        var computed = new LinkedHashMap<String, Node>();
        var types = OnnxLibrary.inferShapes(graph);
        folded.rewrite(node -> {
            if (node.is("Constant") && node.has("value") && isNumeric(node)) {
                folded.initializers()
                        .put(
                                node.output(),
                                TensorProtos.fromProto(
                                        node.attributes().get("value").getT()));
                return List.of();
            }
            // Strings, sequences and tensors of unknown type cannot be initializers.
            boolean tensor = types.containsKey(node.output())
                    && ValueInfos.type(types.get(node.output())).isPresent();
            boolean constant = tensor
                    && node.domain().isEmpty()
                    && !Operators.isAny(node, Operators.RANDOM, Operators.WITH_BODIES, Operators.QUANTIZING)
                    && node.outputs().size() == 1
                    && node.inputs().stream()
                            .allMatch(input -> input.isEmpty()
                                    || folded.initializers().containsKey(input)
                                    || computed.containsKey(input));
            if (constant) {
                computed.put(node.output(), node);
                return List.of();
            }
            return List.of(node);
        });
        folded.initializers().putAll(evaluate(folded, computed, types));
        return new Rewritten(folded, this, List.copyOf(computed.keySet()), List.of());
    }

    private static boolean isNumeric(Node constant) {
        return DataType.isKnown(constant.attributes().get("value").getT().getDataType());
    }

    /** The values computed from constants that the rest of the graph reads. */
    private static Map<String, Tensor> evaluate(
            Graph rest, Map<String, Node> computed, Map<String, ValueInfoProto> types) {
        var read = new LinkedHashSet<String>();
        rest.nodes().forEach(node -> {
            read.addAll(node.inputs());
            read.addAll(node.captured());
        });
        rest.outputs().forEach(output -> read.add(output.getName()));
        var wanted = new ArrayList<>(computed.keySet());
        wanted.retainAll(read);
        if (wanted.isEmpty()) {
            return Map.of();
        }
        var constants = rest.copy();
        constants.inputs().clear();
        constants.outputs().clear();
        constants.nodes().clear();
        constants.nodes().addAll(computed.values());
        wanted.forEach(name -> constants.outputs().add(types.get(name)));
        constants.prune();
        try (var session = Session.open(constants, Provider.cpu(), Session.Optimization.NONE)) {
            return session.run(Map.of(), wanted);
        }
    }
}
