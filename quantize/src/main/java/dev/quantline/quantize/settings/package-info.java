/**
 * What a user may request of quantization: the recipe, its schema and presets, the one JSON mapping of the project and the hashes by
 * which contents are named.
 *
 * <p>Imports {@code onnx} only.
 */
@NullMarked
package dev.quantline.quantize.settings;

import org.jspecify.annotations.NullMarked;
