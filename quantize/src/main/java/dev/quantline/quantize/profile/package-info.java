/**
 * Activation profiling: observers that summarise streams of any length in bounded memory, and the pass over the
 * calibration set that feeds them. A new statistic goes into {@code TensorProfile}.
 *
 * <p>Imports {@code onnx}, {@code rewrite}, {@code runtime}, {@code pattern} and {@code plan}.
 */
package dev.quantline.quantize.profile;
