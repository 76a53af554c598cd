package dev.quantline.onnx.rewrite;

import java.util.List;

/**
 * What a rewrite rule did to the float model, for the report.
 *
 * @param rule    its name
 * @param applied names of the nodes or tensors it was applied to
 * @param refused those that looked like it, each with the reason why not
 */
public record Rewrite(String rule, List<String> applied, List<String> refused) {}
