/**
 * The training loop: trained tensors and gradients in memory of its own, optimizers, schedules, checkpoints.
 *
 * <p>Imports {@code dev.quantline.onnx}, {@code dev.quantline.runtime} and {@code dev.quantline.gradient}.
 */
package dev.quantline.gradient.train;
