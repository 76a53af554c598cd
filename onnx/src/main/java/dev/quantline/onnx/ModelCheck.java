package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;

/**
 * Requirements on a model before native code sees it. The ONNX library and ONNX Runtime answer most faults with an error, but some
 * with a signal that kills the process, or by exhausting the machine's memory: those are checked here.
 */
final class ModelCheck {
    private long nodes;

    private ModelCheck() {}

    /**
     * Checks the whole model: its graph, its bodies and its functions.
     *
     * @throws BadInput naming the node or tensor
     */
    static void check(ModelProto model) {
        var check = new ModelCheck();
        check.graph(model.getGraph(), Map.of(), "the main graph", 0);
        model.getFunctionsList().forEach(function -> check.nodes(function.getNodeList(), new HashMap<>(), 0));
    }

    private void graph(GraphProto graph, Map<String, TensorProto> outer, String place, int depth) {
        if (depth > Limit.NESTING.value()) {
            throw new BadInput(place + " is nested " + depth + " bodies deep: " + Limit.NESTING.words());
        }
        if (graph.getSparseInitializerCount() > 0) {
            throw new BadInput(
                    "initializer '" + graph.getSparseInitializer(0).getValues().getName()
                            + "' is sparse, which is not supported: export the model with dense tensors");
        }
        oneMaker(graph);
        var constants = new HashMap<>(outer);
        graph.getInitializerList().forEach(tensor -> constants.put(tensor.getName(), tensor));
        nodes(graph.getNodeList(), constants, depth);
    }

    /** Every tensor must have a single producer: of two, runtimes choose one, but not the same one. */
    private static void oneMaker(GraphProto graph) {
        var initializers = new HashSet<String>();
        for (var tensor : graph.getInitializerList()) {
            if (!initializers.add(tensor.getName())) {
                throw new BadInput("initializer '" + tensor.getName() + "' occurs twice: give each its own name");
            }
        }
        var made = new HashMap<String, String>();
        for (var input : graph.getInputList()) {
            if (made.put(input.getName(), "an input of the graph") != null) {
                throw new BadInput("input '" + input.getName() + "' occurs twice: give each its own name");
            }
        }
        initializers.forEach(name -> made.put(name, "an initializer"));
        for (var node : graph.getNodeList()) {
            for (String output : node.getOutputList()) {
                String other = output.isEmpty() ? null : made.put(output, name(node));
                if (other != null) {
                    throw new BadInput("tensor '" + output + "' is produced twice, by " + other + " and by "
                            + name(node) + ": give each its own name");
                }
            }
        }
    }

    /** @param constants known so far; those that nodes define are added */
    private void nodes(List<NodeProto> list, Map<String, TensorProto> constants, int depth) {
        for (var node : list) {
            if (++nodes > Limit.NODES.value()) {
                throw new BadInput("the model has more than " + Limit.NODES.value() + " nodes: " + Limit.NODES.words());
            }
            if (node.getOutputCount() == 0) {
                throw new BadInput(name(node) + " has no output: remove it");
            }
            AttributeCheck.check(node);
            ConstantSizes.check(node, constants);
            for (var attribute : node.getAttributeList()) {
                if (node.getOpType().equals("Constant") && attribute.hasT() && node.getOutputCount() > 0) {
                    constants.put(node.getOutput(0), attribute.getT());
                }
                Bodies.of(attribute)
                        .forEach(body -> graph(
                                body, constants, "body '" + attribute.getName() + "' of " + name(node), depth + 1));
            }
        }
    }

    /** The name of a node in messages: its own name, or that of its first output. */
    static String name(NodeProto node) {
        String name = !node.getName().isEmpty() ? node.getName() : node.getOutputCount() > 0 ? node.getOutput(0) : "";
        return "node '" + name + "' (" + node.getOpType() + ")";
    }
}
