/**
 * Writing nodes as formulas: the emitter, known shapes, and the reversal of broadcasting.
 *
 * <p>Imports {@code onnx} only.
 */
package dev.quantline.gradient.emit;
