/**
 * Patterns that the graphs of different exporters share: the kinds of activations (output of a norm, attention, a gate, a
 * residual sum), the bias of a layer, consecutive convolutions, and operators decomposed into elementary ones. Another
 * exporter's variant belongs to the pattern that it is a form of, with a network in {@code ExporterPatterns}.
 *
 * <p>Imports {@code onnx} only.
 */
@NullMarked
package dev.quantline.onnx.pattern;

import org.jspecify.annotations.NullMarked;
