/**
 * What a user may ask of quantization: the recipe, its schema and presets, the one JSON mapping of the project and the hashes that name
 * contents.
 *
 * <p>Imports {@code onnx} only.
 */
@NullMarked
package dev.quantline.quantize.settings;

import org.jspecify.annotations.NullMarked;
