/**
 * Calibration: from profiles to quantizers. A new range criterion is one case of {@code RangeCriterion}.
 *
 * <p>Imports {@code onnx}, {@code quantizer}, {@code runtime}, {@code rewrite}, {@code pattern},
 * {@code linear}, {@code plan}, {@code profile} and {@code settings}.
 */
package dev.quantline.quantize.calibrate;
