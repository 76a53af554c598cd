/**
 * Evaluation of models: metrics on labelled or unlabelled data, fidelity of one model to another, latency. A new metric
 * is one class and one line in {@code Metric.of}.
 *
 * <p>Imports {@code settings}, {@code onnx} and {@code runtime}.
 */
package dev.quantline.quantize.evaluate;
