package dev.quantline.onnx.rewrite;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.OnnxLibrary;
import java.util.HashSet;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The canonical form of a model: accepted by the official checker, opset 17 to 26, no initializers among the inputs, constants folded, no
 * 16-bit floats and no Identity or inference-time Dropout inside, unique node names, nodes in an executable order.
 */
public final class Canonical {
    /** The opset to which older models are converted: the first with LayerNormalization; it includes per-channel quantization. */
    public static final int OPSET = 17;
    /** The newest opset that the ONNX Runtime in use supports. */
    private static final int NEWEST = 26;

    private Canonical() {}

    /**
     * Brings a model into canonical form. In float it computes the same.
     *
     * @throws BadInput if the checker rejects it, its opset is not between 7 and 26, it cannot be converted, or a weight contains
     *     NaN or a number too large for float products
     */
    public static Graph of(Graph model) {
        var standard = standard(model);
        OnnxLibrary.check(standard);
        var graph = new SinglePrecision().apply(standard).graph().withOpset("", model.opset());
        graph.inputs().removeIf(input -> graph.initializers().containsKey(input.getName()));
        var converted = graph.opset() < OPSET ? OnnxLibrary.convert(graph, OPSET) : graph;
        nameNodes(converted);
        converted.sort();
        return Pass.all(List.of(new SoftmaxRestoring(), new ConstantFolding(), new IdentityDropping()), converted)
                .graph();
    }

    /**
     * The first step, all of it in Java: what the official checker is shown.
     *
     * @throws BadInput when the opset is not between 7 and 26, or a weight holds NaN or what no float product can hold
     */
    public static Graph standard(Graph model) {
        if (model.opset() < 7 || model.opset() > NEWEST) {
            throw new BadInput(
                    "opset " + model.opset() + " is not supported: export the model at opset 7 to " + NEWEST);
        }
        WeightCheck.check(model);
        return new SimplifiedNorms().apply(model).graph();
    }

    private static void nameNodes(Graph graph) {
        var given = graph.nodes().stream().map(Node::name).collect(Collectors.toSet());
        var names = new HashSet<String>();
        graph.nodes().replaceAll(node -> {
            boolean named = !node.name().isEmpty();
            String base = named ? node.name() : node.output();
            String name = base;
            for (int i = 1; !named && given.contains(name) || !names.add(name); i++) {
                name = base + "_" + i;
            }
            return node.withName(name);
        });
    }
}
