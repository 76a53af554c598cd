package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.Tensor;

/** How close an output of one model is to another's, measured according to its element type. */
public sealed interface Closeness permits Fidelity, Agreement {
    /**
     * What the same rows of both models contribute, in numbers of its own.
     *
     * @param reference {@code [samples, features]}
     * @param other     of the same shape
     */
    double[] measure(Tensor reference, Tensor other);

    /** Adds what was measured, here or elsewhere: in the order of the rows, for sums of the same bits. */
    void count(double[] measured);

    /** Measures rows, and adds them. */
    default void add(Tensor reference, Tensor other) {
        count(measure(reference, other));
    }
}
