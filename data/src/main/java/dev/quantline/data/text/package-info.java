/**
 * Texts as the token arrays that a model takes: Hugging Face tokenizers, padding, pairs with scores, blocks for language models.
 *
 * <p>Imports {@code dev.quantline.data} and core's {@code onnx} and {@code runtime}.
 */
package dev.quantline.data.text;
