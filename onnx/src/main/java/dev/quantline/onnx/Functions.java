package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.FunctionProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Inlines functions that a model defines itself wherever they are called: in the main graph, in bodies and in each other. Each
 * call then has its own nodes and tensors, which quantization needs. Names inside a call are those of the function, prefixed
 * with the name of the call.
 */
final class Functions {
    private static final int LONGEST_PREFIX = 200;

    private final Map<String, FunctionProto> functions = new LinkedHashMap<>();
    private final FunctionVersions versions;
    /** Names in use, with the next number to append to each. */
    private final Map<String, Integer> taken = new HashMap<>();

    private Functions(ModelProto model) {
        model.getFunctionsList()
                .forEach(function ->
                        functions.put(key(function.getDomain(), function.getName(), function.getOverload()), function));
        versions = new FunctionVersions(model);
    }

    /**
     * The model without functions.
     *
     * @throws BadInput if a function calls itself, the result is too large, or operator set versions are incompatible
     */
    static ModelProto writtenOut(ModelProto model) {
        return model.getFunctionsCount() == 0 ? model : new Functions(model).run(model);
    }

    private ModelProto run(ModelProto model) {
        Expansion.check(model, functions);
        var main = versions.converted(model.getGraph());
        claim(main);
        var graph = main.toBuilder().clearNode().addAllNode(expanded(main.getNodeList()));
        return model.toBuilder()
                .clearFunctions()
                .clearOpsetImport()
                .addAllOpsetImport(versions.imports(graph.getNodeList()))
                .setGraph(graph)
                .build();
    }

    static String called(NodeProto node) {
        return key(node.getDomain(), node.getOpType(), node.getOverload());
    }

    private static String key(String domain, String name, String overload) {
        return (domain.equals("ai.onnx") ? "" : domain) + "::" + name + (overload.isEmpty() ? "" : ":" + overload);
    }

    private void claim(GraphProto graph) {
        graph.getInputList().forEach(info -> take(info.getName()));
        graph.getInitializerList().forEach(tensor -> take(tensor.getName()));
        for (var node : graph.getNodeList()) {
            take(node.getName());
            node.getOutputList().forEach(this::take);
            Bodies.of(node).forEach(this::claim);
        }
    }

    private boolean take(String name) {
        return taken.putIfAbsent(name, 0) == null;
    }

    private String fresh(String base) {
        String name = base;
        while (!take(name)) {
            name = base + "_" + taken.merge(base, 1, Integer::sum);
        }
        return name;
    }

    private List<NodeProto> expanded(List<NodeProto> nodes) {
        var all = new ArrayList<NodeProto>();
        for (var node : nodes) {
            var outer = withBodies(node);
            var function = functions.get(called(node));
            if (function == null) {
                all.add(outer);
            } else {
                all.addAll(expanded(call(function, outer)));
            }
        }
        return all;
    }

    private NodeProto withBodies(NodeProto node) {
        var changed = node.toBuilder().clearAttribute();
        node.getAttributeList().forEach(attribute -> changed.addAttribute(Bodies.changed(attribute, this::expanded)));
        return changed.build();
    }

    private GraphProto expanded(GraphProto body) {
        return body.toBuilder()
                .clearNode()
                .addAllNode(expanded(body.getNodeList()))
                .build();
    }

    /** The nodes of one call, which may be calls themselves. */
    private List<NodeProto> call(FunctionProto function, NodeProto call) {
        refuseBodies(function, call);
        String prefix = prefix(call);
        var names = new HashMap<String, String>();
        for (int i = 0; i < function.getInputCount(); i++) {
            names.put(function.getInput(i), i < call.getInputCount() ? call.getInput(i) : "");
        }
        var made = function.getNodeList().stream()
                .flatMap(node -> node.getOutputList().stream())
                .collect(Collectors.toSet());
        var passed = new ArrayList<NodeProto>();
        for (int i = 0; i < Math.min(function.getOutputCount(), call.getOutputCount()); i++) {
            String formal = function.getOutput(i);
            if (call.getOutput(i).isEmpty()) {
                continue;
            }
            if (made.contains(formal) && !names.containsKey(formal)) {
                names.put(formal, call.getOutput(i));
            } else {
                passed.add(NodeProto.newBuilder()
                        .setOpType("Identity")
                        .addInput(names.getOrDefault(formal, ""))
                        .addOutput(call.getOutput(i))
                        .build());
            }
        }
        var attributes = new HashMap<String, AttributeProto>();
        function.getAttributeProtoList().forEach(attribute -> attributes.put(attribute.getName(), attribute));
        call.getAttributeList().forEach(attribute -> attributes.put(attribute.getName(), attribute));
        var renaming = new Renaming(name -> names.computeIfAbsent(name, inner -> fresh(prefix + inner)));
        var nodes = new ArrayList<NodeProto>();
        for (var node : versions.converted(function, bound(function.getNodeList(), attributes))) {
            var renamed = renaming.of(node);
            nodes.add(
                    node.getName().isEmpty()
                            ? renamed
                            : renamed.toBuilder()
                                    .setName(fresh(prefix + node.getName()))
                                    .build());
        }
        nodes.addAll(passed);
        return nodes;
    }

    private static String prefix(NodeProto call) {
        String name = call.getName().isEmpty()
                ? call.getOutputList().stream()
                        .filter(output -> !output.isEmpty())
                        .findFirst()
                        .orElse("")
                : call.getName();
        // Otherwise names would grow with every level of calls within calls.
        return name.substring(0, Math.min(LONGEST_PREFIX, name.length())) + "/";
    }

    /** A body passed by a call uses names from the surroundings of the call, not of the function. */
    private static void refuseBodies(FunctionProto function, NodeProto call) {
        call.getAttributeList().stream()
                .filter(attribute -> !Bodies.of(attribute).isEmpty())
                .findFirst()
                .ifPresent(attribute -> {
                    throw new BadInput("function '" + function.getName() + "' is given a graph as its attribute '"
                            + attribute.getName() + "', which is not supported: export the model without functions");
                });
    }

    private static List<NodeProto> bound(List<NodeProto> nodes, Map<String, AttributeProto> attributes) {
        return nodes.stream().map(node -> bound(node, attributes)).toList();
    }

    /** Replaces attribute references by the value in the call, or else the function's default, or else omits the attribute. */
    private static NodeProto bound(NodeProto node, Map<String, AttributeProto> attributes) {
        var changed = node.toBuilder().clearAttribute();
        for (var attribute : node.getAttributeList()) {
            if (attribute.getRefAttrName().isEmpty()) {
                changed.addAttribute(Bodies.changed(attribute, body -> bound(body, attributes)));
            } else if (attributes.containsKey(attribute.getRefAttrName())) {
                changed.addAttribute(
                        attributes.get(attribute.getRefAttrName()).toBuilder().setName(attribute.getName()));
            }
        }
        return changed.build();
    }

    private static GraphProto bound(GraphProto body, Map<String, AttributeProto> attributes) {
        return body.toBuilder()
                .clearNode()
                .addAllNode(bound(body.getNodeList(), attributes))
                .build();
    }
}
