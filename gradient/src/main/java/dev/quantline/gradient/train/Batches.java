package dev.quantline.gradient.train;

import dev.quantline.onnx.Tensor;
import java.util.Map;

/** Minibatches by number: the same number always gives the same batch, so that a resumed run sees what it would have. */
@FunctionalInterface
public interface Batches {
    /** Inputs of batch {@code number}, counted from 0 without end, by name. The tensors may be reused for the next batch. */
    Map<String, Tensor> batch(int number);
}
