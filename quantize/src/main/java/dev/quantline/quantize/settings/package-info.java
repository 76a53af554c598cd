/**
 * What a user may ask of quantization: the recipe, its presets, and the one JSON mapping of the project.
 *
 * <p>Imports {@code onnx} only.
 */
package dev.quantline.quantize.settings;
