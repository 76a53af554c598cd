/**
 * Activation profiling: observers that summarise streams of any length in bounded memory, and the pass over the
 * calibration set that feeds them. A new statistic goes into {@code TensorProfile}.
 *
 * <p>Imports {@code onnx}, {@code prepare}, {@code runtime}, {@code site} and {@code plan}.
 */
package dev.quantline.profile;
