package dev.quantline.onnx.rewrite;

import dev.quantline.onnx.Graph;
import java.util.ArrayList;
import java.util.List;

/** A rewrite: takes a model, and returns a model that computes the same in float, what changed, and why other places did not. */
public interface Pass {
    /** Its name in reports. */
    String name();

    /** Rewrites a copy of the model; may return the model itself if nothing changes. */
    Rewritten apply(Graph model);

    /** Runs passes in turn, each on the result of the previous one. */
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
