/**
 * Patterns that the graphs of different exporters share: what an activation is (the output of a norm, attention, a gate, a
 * residual sum), the bias of a layer, convolutions in a row, and operators written out in elementary ones. Another exporter's
 * habit goes to the pattern it is a form of, with a network in {@code ExporterPatterns}.
 *
 * <p>Imports {@code onnx} only.
 */
@NullMarked
package dev.quantline.onnx.pattern;

import org.jspecify.annotations.NullMarked;
