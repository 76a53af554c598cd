package dev.quantline.onnx.rewrite;

import java.util.List;

/**
 * The changes that a rewrite rule made to the float model, for the report.
 *
 * @param rule    its name
 * @param applied names of the nodes or tensors that it was applied to
 * @param refused similar nodes or tensors that it was not applied to, each with the reason
 */
public record Rewrite(String rule, List<String> applied, List<String> refused) {}
