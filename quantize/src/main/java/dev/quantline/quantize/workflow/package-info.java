/**
 * The whole way from a float model to a quantized one, as plain calls: each step takes a model, data and settings, and returns a
 * model and its findings. {@code Quantline} runs all steps in one process; each service runs one.
 *
 * <p>Imports {@code settings}, {@code onnx}, {@code rewrite}, {@code runtime}, {@code profile}, {@code calibrate}, {@code finetune},
 * {@code tune}, {@code allocate}, {@code export}, {@code evaluate} and {@code plan}.
 */
package dev.quantline.quantize.workflow;
