/**
 * Quantizers: grids that map numbers to few-bit codes and back. Each defines its arithmetic in Java and its ONNX form.
 *
 * <p>Imports {@code onnx} only.
 */
@NullMarked
package dev.quantline.quantize.quantizer;

import org.jspecify.annotations.NullMarked;
