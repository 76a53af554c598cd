package dev.quantline.gradient.train;

import dev.quantline.onnx.Tensor;
import java.util.Map;

/** Minibatches by number: the same number always gives the same batch, so that a resumed run sees the same data. */
@FunctionalInterface
public interface Batches {
    /** Inputs of batch {@code number} by name; numbers count from 0 without end. The tensors may be reused for the next batch. */
    Map<String, Tensor> batch(int number);
}
