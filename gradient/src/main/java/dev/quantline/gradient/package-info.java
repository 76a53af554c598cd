/**
 * The gradient engine: a graph, a loss and the tensors to train become one ONNX graph that computes the forward and
 * backward pass and runs in ONNX Runtime. Gradient rules of operators are in {@code rules}, the node builder in
 * {@code emit}, losses in {@code loss}, the training loop in {@code train}.
 *
 * <p>Imports {@code onnx}, {@code runtime}, {@code pattern} and {@code rewrite}.
 */
@NullMarked
package dev.quantline.gradient;

import org.jspecify.annotations.NullMarked;
