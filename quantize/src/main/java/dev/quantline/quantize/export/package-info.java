/**
 * The last stage: the plan written into a model that anyone can run, which is checked by loading and running it,
 * compared with the original, and reported as JSON and HTML.
 *
 * <p>Imports {@code onnx}, {@code quantizer}, {@code plan}, {@code rewrite}, {@code runtime}, {@code settings} and {@code evaluate}.
 */
package dev.quantline.quantize.export;
