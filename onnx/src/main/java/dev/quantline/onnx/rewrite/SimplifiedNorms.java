package dev.quantline.onnx.rewrite;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * ONNX Runtime's optimiser writes RMSNorm as an operator SimplifiedLayerNormalization in ONNX's own domain, where the
 * standard knows none. It is written out again, x / sqrt(mean(x^2) + epsilon) times scale; runtimes fuse it as before.
 */
final class SimplifiedNorms {
    private SimplifiedNorms() {}

    static Graph apply(Graph model) {
        var graph = model.copy();
        graph.rewrite(node -> node.op().equals("SimplifiedLayerNormalization")
                        && node.output(1).isEmpty()
                        && node.intOf("axis", -1) == -1
                ? writtenOut(graph, node)
                : List.of(node));
        return graph;
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
