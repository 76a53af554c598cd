/**
 * Writing nodes as formulas: the emitter, what is known of shapes, and the undoing of broadcasts.
 *
 * <p>Imports {@code onnx} only.
 */
package dev.quantline.gradient.emit;
