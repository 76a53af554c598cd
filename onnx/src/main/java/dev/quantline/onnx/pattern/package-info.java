/**
 * What an activation is: the patterns by which outputs of normalisation, attention, gates, residual sums and so on are
 * recognised in the graphs of different exporters. A new kind is a constant of {@code ActivationKind} and a case in {@code ActivationKinds};
 * another exporter's habit goes to the pattern it is a form of, with a network in {@code ActivationKindsTest}.
 *
 * <p>Imports {@code onnx} only.
 */
package dev.quantline.onnx.pattern;
