package dev.quantline.gradient;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.pattern.DecomposedOperators;
import dev.quantline.onnx.rewrite.Pass;
import dev.quantline.onnx.rewrite.Rewritten;
import java.util.LinkedHashMap;
import java.util.List;

/**
 * Replaces layer normalisation and GELU that are decomposed into elementary operators by a single operator each: fewer passes
 * over memory in the forward pass, and a closed form in the backward pass. Requires an opset with both operators (20 or
 * newer).
 */
record Fusions() implements Pass {
    @Override
    public String name() {
        return "operators fused";
    }

    @Override
    public Rewritten apply(Graph graph) {
        var fused = graph.copy();
        var decomposed = new DecomposedOperators(fused);
        var replacements = new LinkedHashMap<String, Node>();
        fused.nodes()
                .forEach(node -> decomposed.whole(node).ifPresent(whole -> replacements.put(whole.output(), whole)));
        fused.rewrite(node -> List.of(replacements.getOrDefault(node.output(), node)));
        fused.prune();
        return new Rewritten(fused, this, List.copyOf(replacements.keySet()), List.of());
    }
}
