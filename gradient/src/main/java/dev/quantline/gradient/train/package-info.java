/**
 * The training loop: trained tensors and gradients in memory of its own, optimizers, schedules, checkpoints.
 *
 * <p>Imports {@code onnx}, {@code runtime} and {@code gradient}.
 */
package dev.quantline.gradient.train;
