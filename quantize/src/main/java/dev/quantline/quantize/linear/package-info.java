/**
 * Layers that multiply by a constant, whatever operator writes them: their weights as matrices, and the second moments of what
 * they read, which tell what an error of the weights does to their outputs.
 *
 * <p>Imports {@code onnx} and {@code runtime}.
 */
package dev.quantline.quantize.linear;
