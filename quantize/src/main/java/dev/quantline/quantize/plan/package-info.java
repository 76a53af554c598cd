/**
 * The quantization plan: which tensors get which quantizer, where those places are in a graph, and how the plan becomes
 * a graph, for export, training and judging alike. The one thing stages hand to each other besides the model.
 *
 * <p>Imports {@code onnx}, {@code rewrite} and {@code quantizer}.
 */
package dev.quantline.quantize.plan;
