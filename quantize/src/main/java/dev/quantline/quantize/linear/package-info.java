/**
 * Layers that multiply by a constant, whichever operator expresses them: their weights as matrices, and the second moments of
 * their inputs, which give the effect of weight errors on their outputs.
 *
 * <p>Imports {@code onnx} and {@code runtime}.
 */
package dev.quantline.quantize.linear;
