package dev.quantline.onnx.rewrite;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * ONNX Runtime's optimizer writes RMSNorm as SimplifiedLayerNormalization in the standard domain, although the standard has no
 * such operator. This decomposes it again into x / sqrt(mean(x^2) + epsilon) times scale, which runtimes fuse as before.
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
            boolean norm = node.op().equals("SimplifiedLayerNormalization");
            boolean fits = node.output(1).isEmpty() && node.intOf("axis", -1) == -1;
            if (norm && !fits) {
                refused.add(node.output() + ": it has a second output, or normalises more than the last axis");
            } else if (norm) {
                applied.add(node.output());
            }
            return norm && fits ? writtenOut(graph, node) : List.of(node);
        });
        return new Rewritten(graph, this, applied, refused);
    }

    private static List<Node> writtenOut(Graph graph, Node norm) {
        String x = norm.input(0);
        var steps = new ArrayList<Node>();
        String square = step(graph, steps, "Mul", norm.output() + "/square", x, x);
        String mean = graph.fresh(norm.output() + "/mean");
        steps.add(
                graph.opset() < 18
                        ? Node.of("ReduceMean", List.of(square), mean).with("axes", new long[] {-1})
                        : Node.of(
                                "ReduceMean",
                                List.of(square, graph.addConstant(mean + "/axes", Tensor.vector(-1L))),
                                mean));
        var epsilon = Tensor.scalar(norm.floatOf("epsilon", 1e-5f));
        String safe = norm.output() + "/safe";
        safe = step(graph, steps, "Add", safe, mean, graph.addConstant(safe + "/epsilon", epsilon));
        String root = step(graph, steps, "Sqrt", norm.output() + "/root", safe);
        String unit = step(graph, steps, "Div", norm.output() + "/unit", x, root);
        steps.add(Node.of("Mul", List.of(unit, norm.input(1)), norm.output()).withName(norm.name()));
        return steps;
    }

    private static String step(Graph graph, List<Node> steps, String op, String name, String... inputs) {
        steps.add(Node.of(op, List.of(inputs), graph.fresh(name)));
        return steps.getLast().output();
    }
}
