/**
 * Texts as the token arrays that a model takes: Hugging Face tokenizers, padding, pairs with scores, blocks for language models.
 *
 * <p>Imports {@code dev.quantline.data} and core's {@code dev.quantline.onnx} and {@code dev.quantline.runtime}.
 */
package dev.quantline.data.text;
