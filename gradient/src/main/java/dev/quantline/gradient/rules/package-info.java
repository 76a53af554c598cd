/**
 * How gradients pass through operators: the table {@link dev.quantline.gradient.rules.Rules} and its rows, one file per
 * family.
 *
 * <p>Imports {@code onnx} and {@code dev.quantline.gradient.emit}.
 */
@NullMarked
package dev.quantline.gradient.rules;

import org.jspecify.annotations.NullMarked;
