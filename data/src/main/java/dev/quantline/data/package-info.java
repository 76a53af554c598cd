/**
 * What an {@code .npz} holds, told to people, and whether a model can take it; what samples of any kind have in common when an
 * {@code .npz} is made of them.
 *
 * <p>Imports {@code onnx} and its {@code runtime}; knows neither events nor the store.
 */
package dev.quantline.data;
