/**
 * From the model as given to the canonical float model that every stage works on: checked, at a supported opset,
 * constants folded, every node named, BatchNorm folded into convolutions. Each rewrite is a {@code Pass}, and one
 * runner applies any list of them and collects their changes.
 *
 * <p>Imports {@code onnx}, {@code runtime} and {@code pattern}.
 */
package dev.quantline.onnx.rewrite;
