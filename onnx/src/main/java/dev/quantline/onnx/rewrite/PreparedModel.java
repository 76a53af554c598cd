package dev.quantline.onnx.rewrite;

import dev.quantline.onnx.Graph;
import java.util.ArrayList;
import java.util.List;

/**
 * The float model that all later stages work on, and how it came from the original.
 *
 * @param model    computes the same as the original
 * @param rewrites rules in the order they were tried
 */
public record PreparedModel(Graph model, List<Rewrite> rewrites) {
    /**
     * Prepares a model.
     *
     * @param equalize whether ranges of weights are balanced between convolutions in a row
     * @throws dev.quantline.onnx.BadInput when the model is unusable
     */
    public static PreparedModel of(Graph original, boolean equalize) {
        var rewrites = new ArrayList<Rewrite>();
        var graph = noted("batch normalisation folded", BatchNormFolding.apply(Canonical.of(original)), rewrites);
        graph = noted("branches merged", BranchMerging.apply(graph), rewrites);
        graph = noted("dead channels removed", DeadChannels.apply(graph), rewrites);
        if (equalize) {
            graph = noted("layers equalised", Equalization.apply(graph), rewrites);
        }
        return new PreparedModel(graph, rewrites);
    }

    /**
     * Prepares a model without equalization.
     *
     * @throws dev.quantline.onnx.BadInput when the model is unusable
     */
    public static Graph prepare(Graph original) {
        return of(original, false).model();
    }

    private static Graph noted(String rule, Rewritten rewritten, List<Rewrite> rewrites) {
        rewrites.add(new Rewrite(rule, rewritten.applied(), rewritten.refused()));
        return rewritten.graph();
    }
}
