/**
 * How gradients pass through operators: the table {@link dev.quantline.gradient.rules.Rules} and, file by family, its rows.
 *
 * <p>Imports {@code onnx} and {@code dev.quantline.gradient.emit}.
 */
@NullMarked
package dev.quantline.gradient.rules;

import org.jspecify.annotations.NullMarked;
