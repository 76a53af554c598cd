/**
 * ONNX models as data: tensors, nodes and graphs, reading and writing files, the official checker, opset conversion and
 * shape inference, and the canonical form that every stage starts from.
 *
 * <p>Bottom layer: imports nothing else of Quantline.
 */
package dev.quantline.onnx;
