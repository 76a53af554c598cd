/**
 * Texts as the token arrays that a model takes: Hugging Face tokenizers, padding, pairs with scores, blocks for language models.
 *
 * <p>Imports {@code dev.quantline.data} and {@code onnx} with its {@code runtime}.
 */
package dev.quantline.data.text;
