package dev.quantline.onnx;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.onnx.FormalParameterVector;
import org.bytedeco.onnx.OpSchema;
import org.bytedeco.onnx.OpSchemaRegistry;

/**
 * Element types of tensors, including those that shape inference cannot determine: it knows nothing after operators of other
 * domains. A standard operator names a type variable for each operand, and operands with the same variable have the same type, so a
 * FLOAT weight determines the type of the tensor that it multiplies, and that of everything computed from it in turn.
 */
public final class ElementTypes {
    private final Map<String, DataType> known = new LinkedHashMap<>();
    private final Map<String, Optional<OpSchema>> schemas = new HashMap<>();
    private final int opset;

    private ElementTypes(Graph graph) {
        opset = Math.min(graph.opset(), KnownPart.OPSET);
        OnnxLibrary.inferShapes(graph)
                .forEach((name, info) -> ValueInfos.type(info).ifPresent(type -> known.put(name, type)));
        graph.initializers().forEach((name, tensor) -> known.put(name, tensor.type()));
    }

    /** Types by tensor name, as far as they can be determined. */
    public static Map<String, DataType> of(Graph graph) {
        var types = new ElementTypes(graph);
        var groups = new ArrayList<List<String>>();
        graph.nodes().forEach(node -> groups.addAll(types.alike(node)));
        boolean learned = true;
        while (learned) {
            learned = types.spread(groups) | types.spread(groups.reversed());
        }
        return types.known;
    }

    private boolean spread(List<List<String>> groups) {
        int before = known.size();
        for (var group : groups) {
            group.stream()
                    .map(known::get)
                    .filter(type -> type != null)
                    .findFirst()
                    .ifPresent(type -> group.forEach(tensor -> known.putIfAbsent(tensor, type)));
        }
        return known.size() > before;
    }

    /** Groups of tensors of a node that have the same type, whatever it is. */
    private List<List<String>> alike(Node node) {
        var schema = node.domain().isEmpty()
                ? schemas.computeIfAbsent(node.op(), op -> Optional.ofNullable(OpSchemaRegistry.Schema(op, opset, "")))
                : Optional.<OpSchema>empty();
        var groups = new LinkedHashMap<String, List<String>>();
        schema.ifPresent(found -> {
            collect(found.inputs(), node.inputs(), groups);
            collect(found.outputs(), node.outputs(), groups);
        });
        return groups.values().stream().filter(group -> group.size() > 1).toList();
    }

    private static void collect(FormalParameterVector formals, List<String> tensors, Map<String, List<String>> groups) {
        for (int i = 0; i < tensors.size() && formals.size() > 0; i++) {
            var formal = formals.get(Math.min(i, formals.size() - 1));
            boolean own = formal.GetOption() == OpSchema.Variadic && !formal.GetIsHomogeneous();
            if (!own && !tensors.get(i).isEmpty()) {
                groups.computeIfAbsent(formal.GetTypeStr().getString(), name -> new ArrayList<>())
                        .add(tensors.get(i));
            }
        }
    }
}
