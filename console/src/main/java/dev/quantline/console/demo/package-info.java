/**
 * The first-run experience's real network and its data: all-MiniLM-L6-v2 out of its Maven jar, and sentences of our own as tokens.
 * Imports tensors and the {@code .npz} writer of {@code onnx} and the tokenizer; knows neither Kafka nor the store.
 */
package dev.quantline.console.demo;
