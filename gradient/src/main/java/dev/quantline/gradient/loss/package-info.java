/**
 * Losses, written into the graph as ordinary operators so that the rules differentiate them like everything else.
 *
 * <p>Imports {@code onnx} and {@code dev.quantline.gradient.emit}.
 */
@NullMarked
package dev.quantline.gradient.loss;

import org.jspecify.annotations.NullMarked;
