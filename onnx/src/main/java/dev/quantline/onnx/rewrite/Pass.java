package dev.quantline.onnx.rewrite;

import dev.quantline.onnx.Graph;
import java.util.ArrayList;
import java.util.List;

/** A rewrite: a model in; a model that computes the same in float, what changed and why other places did not, out. */
public interface Pass {
    /** What reports call it. */
    String name();

    /** Rewrites a copy of the model; where nothing changes it may be the model itself. */
    Rewritten apply(Graph model);

    /** Runs passes in turn, each on what the one before it left. */
    static Rewritten all(List<Pass> passes, Graph model) {
        var graph = model;
        var rewrites = new ArrayList<Rewrite>();
        for (var pass : passes) {
            var result = pass.apply(graph);
            graph = result.graph();
            rewrites.addAll(result.rewrites());
        }
        return new Rewritten(graph, rewrites);
    }
}
