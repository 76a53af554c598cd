package dev.quantline.onnx.rewrite;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * ONNX Runtime's optimiser writes RMSNorm as SimplifiedLayerNormalization in ONNX's own domain, where the standard has no such
 * operator. This writes it out again as x / sqrt(mean(x^2) + epsilon) times scale, which runtimes fuse as before.
 */
record SimplifiedNorms() implements Pass {
    @Override
    public String name() {
        return "simplified norms written out";
    }

    @Override
    public Rewritten apply(Graph model) {
        var graph = model.copy();
        var applied = new ArrayList<String>();
        var refused = new ArrayList<String>();
        graph.rewrite(node -> {
            if (!node.op().equals("SimplifiedLayerNormalization")) {
                return List.of(node);
            }
            if (!node.output(1).isEmpty() || node.intOf("axis", -1) != -1) {
                refused.add(node.output() + ": it has a second output, or normalises more than the last axis");
                return List.of(node);
            }
            applied.add(node.output());
            return writtenOut(graph, node);
        });
        return new Rewritten(graph, this, applied, refused);
    }

    private static List<Node> writtenOut(Graph graph, Node norm) {
        String x = norm.input(0);
        var steps = new ArrayList<Node>();
        String square = graph.fresh(norm.output() + "/square");
        String mean = graph.fresh(norm.output() + "/mean");
        String safe = graph.fresh(norm.output() + "/safe");
        String root = graph.fresh(norm.output() + "/root");
        String unit = graph.fresh(norm.output() + "/unit");
        steps.add(Node.of("Mul", List.of(x, x), square));
        steps.add(
                graph.opset() < 18
                        ? Node.of("ReduceMean", List.of(square), mean).with("axes", new long[] {-1})
                        : Node.of(
                                "ReduceMean",
                                List.of(square, graph.addConstant(mean + "/axes", Tensor.vector(-1L))),
                                mean));
        steps.add(Node.of(
                "Add",
                List.of(mean, graph.addConstant(safe + "/epsilon", Tensor.scalar(norm.floatOf("epsilon", 1e-5f)))),
                safe));
        steps.add(Node.of("Sqrt", List.of(safe), root));
        steps.add(Node.of("Div", List.of(x, root), unit));
        steps.add(Node.of("Mul", List.of(unit, norm.input(1)), norm.output()).withName(norm.name()));
        return steps;
    }
}
