/**
 * Tuning: making the quantized model reproduce the float model's outputs. Each method takes a model and a plan and
 * returns a model and a plan, and is kept only if held-out samples improve.
 *
 * <p>Imports {@code settings}, {@code onnx}, {@code quantizer}, {@code pattern}, {@code plan}, {@code linear}, {@code runtime},
 * {@code evaluate} and {@code gradient}.
 */
package dev.quantline.quantize.tune;
