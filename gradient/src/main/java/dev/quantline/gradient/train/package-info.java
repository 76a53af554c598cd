/**
 * The training loop: trained tensors and gradients in preallocated memory, optimizers, schedules, checkpoints.
 *
 * <p>Imports {@code onnx}, {@code runtime} and {@code gradient}.
 */
package dev.quantline.gradient.train;
