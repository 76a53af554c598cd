/**
 * Tuning: making the quantized model compute what the float model computed. Each method takes a model and a plan and
 * gives a model and a plan, and is kept only where held-out samples agree that it helped.
 *
 * <p>Imports {@code settings}, {@code onnx}, {@code quantizer}, {@code pattern}, {@code plan}, {@code linear}, {@code runtime},
 * {@code evaluate} and {@code gradient}.
 */
package dev.quantline.quantize.tune;
