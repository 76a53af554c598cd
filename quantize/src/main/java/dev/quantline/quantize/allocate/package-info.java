/**
 * Bit allocation per layer: sensitivities measured layer by layer, an integer program over them, the Pareto front of
 * plans for all sizes, and plans assembled from the plans of single widths.
 *
 * <p>Imports {@code settings}, {@code onnx}, {@code quantizer}, {@code plan}, {@code runtime} and {@code evaluate}.
 */
package dev.quantline.quantize.allocate;
