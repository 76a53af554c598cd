/**
 * Running models and feeding them: ONNX Runtime sessions on CPU or CUDA, {@code .npz} data sets read as a stream, and
 * batches that fit a model's inputs.
 *
 * <p>Imports {@code onnx} only.
 */
package dev.quantline.onnx.runtime;
