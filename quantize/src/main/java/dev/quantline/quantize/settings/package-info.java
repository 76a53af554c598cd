/**
 * What a user may ask of quantization: the recipe, its presets, the one JSON mapping of the project and the hashes that name contents.
 *
 * <p>Imports {@code onnx} only.
 */
package dev.quantline.quantize.settings;
