/**
 * Pictures as the arrays that a model takes: PNG, JPEG and WebP files read, resized and cropped as training did it, labels by folder or
 * table; and arrays back as pictures.
 *
 * <p>Imports {@code dev.quantline.data} and {@code onnx} with its {@code runtime}.
 */
package dev.quantline.data.image;
