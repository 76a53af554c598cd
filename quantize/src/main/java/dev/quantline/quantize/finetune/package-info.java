/**
 * Fine-tuning of the float network before it is calibrated, so that its activations are easier to quantize (QuantTune,
 * arXiv 2403.06497). A graph and training data in, a graph of the same operators out.
 *
 * <p>Imports {@code onnx}, {@code plan}, {@code pattern}, {@code runtime}, {@code settings}, {@code evaluate} and {@code gradient}.
 */
package dev.quantline.quantize.finetune;
