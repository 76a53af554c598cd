/**
 * The gradient engine: a graph, a loss and the tensors to train become one ONNX graph that computes forward and
 * backward, and ONNX Runtime runs it. Rules of the operators in {@code rules}, the builder they speak in {@code emit},
 * losses in {@code loss}, the training loop in {@code train}.
 *
 * <p>Imports {@code onnx}, {@code runtime}, {@code pattern} and {@code rewrite}.
 */
@NullMarked
package dev.quantline.gradient;

import org.jspecify.annotations.NullMarked;
