/**
 * Calibration: from profiles to quantizers. A new range criterion is one case of {@code RangeCriterion}.
 *
 * <p>Imports {@code onnx}, {@code quantizer}, {@code runtime}, {@code prepare}, {@code site},
 * {@code linear}, {@code plan} and {@code profile}.
 */
package dev.quantline.calibrate;
