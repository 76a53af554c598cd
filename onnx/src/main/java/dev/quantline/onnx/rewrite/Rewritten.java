package dev.quantline.onnx.rewrite;

import dev.quantline.onnx.Graph;
import java.util.List;

/**
 * What a rewrite rule did.
 *
 * @param graph   the rewritten graph; computes the same in float
 * @param applied names of the nodes the rule was applied to
 * @param refused names of the nodes that looked like it, each with the reason why not
 */
public record Rewritten(Graph graph, List<String> applied, List<String> refused) {}
