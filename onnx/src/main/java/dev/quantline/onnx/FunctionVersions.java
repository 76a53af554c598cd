package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.AttributeProto.AttributeType;
import ai.onnx.proto.OnnxMl.FunctionProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Operator set versions of a model and its functions, which may differ. Standard operators are converted to the newest version
 * among them; other operator sets must agree.
 */
final class FunctionVersions {
    /** Larger constants are presented to the converter as inputs. */
    private static final int LARGE = 4096;

    private final Map<String, Long> imports = new LinkedHashMap<>();
    private final Set<String> own = new HashSet<>();
    private final long given;
    private final long common;
    /** Calls with the same attributes have the same nodes. */
    private final Map<Body, List<NodeProto>> converted = new HashMap<>();

    private record Body(FunctionProto function, List<NodeProto> nodes) {}

    FunctionVersions(ModelProto model) {
        model.getOpsetImportList().forEach(imported -> imports.put(domain(imported), imported.getVersion()));
        given = imports.getOrDefault("", 0L);
        model.getFunctionsList().forEach(function -> own.add(function.getDomain()));
        long newest = given;
        for (var function : model.getFunctionsList()) {
            newest = Math.max(newest, version(function));
            for (var imported : function.getOpsetImportList()) {
                var other = imports.putIfAbsent(domain(imported), imported.getVersion());
                boolean differs = other != null && other != imported.getVersion();
                if (differs && !domain(imported).isEmpty() && !own.contains(domain(imported))) {
                    throw new BadInput(
                            "function '" + function.getName() + "' is written in version " + imported.getVersion()
                                    + " of operator set '" + imported.getDomain() + "', but others in version " + other
                                    + ": export the model with one");
                }
            }
        }
        common = newest;
        if (common > 0) {
            imports.put("", common);
        }
    }

    private static String domain(OperatorSetIdProto imported) {
        return imported.getDomain().equals("ai.onnx") ? "" : imported.getDomain();
    }

    /** Version of the standard operators in which a function is written; 0 if it uses none. */
    private static long version(FunctionProto function) {
        return function.getOpsetImportList().stream()
                .filter(imported -> domain(imported).isEmpty())
                .mapToLong(OperatorSetIdProto::getVersion)
                .max()
                .orElse(0);
    }

    /** Imports of the model without functions: domains that only functions used are dropped. */
    List<OperatorSetIdProto> imports(List<NodeProto> nodes) {
        var used = new HashSet<String>();
        nodes.forEach(node -> addDomains(node, used));
        var all = new ArrayList<OperatorSetIdProto>();
        imports.forEach((domain, version) -> {
            if (domain.isEmpty() || !own.contains(domain) || used.contains(domain)) {
                all.add(OperatorSetIdProto.newBuilder()
                        .setDomain(domain)
                        .setVersion(version)
                        .build());
            }
        });
        return all;
    }

    private static void addDomains(NodeProto node, Set<String> used) {
        used.add(node.getDomain());
        Bodies.of(node).forEach(body -> body.getNodeList().forEach(inner -> addDomains(inner, used)));
    }

    /** The main graph in the common version. */
    GraphProto converted(GraphProto main) {
        if (given == common) {
            return main;
        }
        var draft = draft(given);
        main.getInputList().forEach(draft.inputs()::add);
        main.getOutputList().forEach(draft.outputs()::add);
        for (var tensor : main.getInitializerList()) {
            if (ExternalData.isIn(tensor)
                    || tensor.getSerializedSize() > LARGE
                    || !DataType.isKnown(tensor.getDataType())) {
                draft.inputs().removeIf(input -> input.getName().equals(tensor.getName()));
                draft.inputs().add(declared(tensor));
            } else {
                draft.initializers().put(tensor.getName(), TensorProtos.fromProto(tensor));
            }
        }
        var known = Set.copyOf(draft.initializers().keySet());
        main.getNodeList().forEach(node -> draft.nodes().add(Node.of(node)));
        var converted = convert(draft);
        var graph = main.toBuilder().clearNode();
        converted.initializers().forEach((name, tensor) -> {
            if (!known.contains(name)) {
                graph.addInitializer(TensorProtos.toProto(name, tensor));
            }
        });
        converted.nodes().forEach(node -> graph.addNode(node.toProto()));
        return graph.build();
    }

    private static ValueInfoProto declared(TensorProto tensor) {
        var type = TypeProto.Tensor.newBuilder().setElemType(tensor.getDataType());
        tensor.getDimsList()
                .forEach(dim -> type.getShapeBuilder().addDimBuilder().setDimValue(dim));
        return ValueInfoProto.newBuilder()
                .setName(tensor.getName())
                .setType(TypeProto.newBuilder().setTensorType(type))
                .build();
    }

    /** Nodes of a function in the common version, possibly with additional nodes for constants. */
    List<NodeProto> converted(FunctionProto function, List<NodeProto> nodes) {
        long version = version(function);
        return version == 0 || version == common
                ? nodes
                : converted.computeIfAbsent(new Body(function, nodes), body -> convert(body, version));
    }

    private List<NodeProto> convert(Body body, long version) {
        var function = body.function();
        var draft = draft(version);
        function.getInputList()
                .forEach(name -> draft.inputs()
                        .add(ValueInfoProto.newBuilder().setName(name).build()));
        function.getOutputList()
                .forEach(name -> draft.outputs()
                        .add(ValueInfoProto.newBuilder().setName(name).build()));
        body.nodes().forEach(node -> draft.nodes().add(Node.of(node)));
        var converted = convert(draft);
        var all = new ArrayList<NodeProto>();
        converted
                .initializers()
                .forEach((name, tensor) -> all.add(NodeProto.newBuilder()
                        .setOpType("Constant")
                        .addOutput(name)
                        .addAttribute(AttributeProto.newBuilder()
                                .setName("value")
                                .setType(AttributeType.TENSOR)
                                .setT(TensorProtos.toProto(name, tensor)))
                        .build()));
        converted.nodes().forEach(node -> all.add(node.toProto()));
        return all;
    }

    private Graph draft(long version) {
        var draft = Graph.empty((int) Math.clamp(version, 0L, Integer.MAX_VALUE));
        for (var imported : imports.entrySet()) {
            if (!imported.getKey().isEmpty()) {
                draft = draft.withOpset(
                        imported.getKey(), (int) Math.clamp(imported.getValue(), 0L, Integer.MAX_VALUE));
            }
        }
        return draft;
    }

    /** Versions beyond the library's newest differ in nothing that needs conversion. */
    private Graph convert(Graph draft) {
        int newest = (int) Math.min(common, KnownPart.OPSET);
        if (draft.opset() >= newest) {
            return draft;
        }
        refuseUnmade(draft);
        return OnnxLibrary.convert(draft, newest);
    }

    /** The converter looks up who makes a tensor, and ends the process where nobody does. */
    private static void refuseUnmade(Graph draft) {
        draft.sort();
        var made = new HashSet<>(draft.initializers().keySet());
        draft.inputs().forEach(input -> made.add(input.getName()));
        draft.nodes().forEach(node -> made.addAll(node.outputs()));
        for (var output : draft.outputs()) {
            if (!made.contains(output.getName())) {
                throw new BadInput("output '" + output.getName() + "' is made by nobody: export the model again");
            }
        }
    }
}
