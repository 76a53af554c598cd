/**
 * Fine-tuning of the float network before calibration, so that its activations are easier to quantize (QuantTune, arXiv
 * 2403.06497). Takes a graph and training data, returns a graph with the same operators.
 *
 * <p>Imports {@code onnx}, {@code plan}, {@code pattern}, {@code runtime}, {@code settings}, {@code evaluate} and {@code gradient}.
 */
package dev.quantline.quantize.finetune;
