package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.Tensor;

/** How close an output of one model is to another's, measured according to its element type. */
public sealed interface Closeness permits Fidelity, Agreement {
    /**
     * Adds the same rows of both models.
     *
     * @param reference {@code [samples, features]}
     * @param other     of the same shape
     */
    void add(Tensor reference, Tensor other);
}
