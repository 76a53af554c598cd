/**
 * Which layer gets how many bits: sensitivities measured layer by layer, an integer program over them, the front of best
 * plans for all sizes, and plans put together from the plans of single widths.
 *
 * <p>Imports {@code settings}, {@code onnx}, {@code quantizer}, {@code plan}, {@code runtime} and {@code evaluate}.
 */
package dev.quantline.quantize.allocate;
