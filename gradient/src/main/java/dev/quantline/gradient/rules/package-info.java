/**
 * How gradients pass through operators: the table {@link dev.quantline.gradient.rules.Rules} and, file by family, its rows.
 *
 * <p>Imports {@code onnx} and {@code dev.quantline.gradient.emit}.
 */
package dev.quantline.gradient.rules;
