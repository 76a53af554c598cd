/**
 * The quantization plan: which tensors get which quantizer, where the quantization points of a graph are, and how a
 * plan becomes a graph, for export, training and evaluation alike. Besides the model, it is all that stages pass to one
 * another.
 *
 * <p>Imports {@code onnx}, {@code rewrite} and {@code quantizer}.
 */
package dev.quantline.quantize.plan;
