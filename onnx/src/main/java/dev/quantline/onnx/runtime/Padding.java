package dev.quantline.onnx.runtime;

import dev.quantline.onnx.Tensor;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.Map;

/** Cuts off columns that are padding in every row of a batch. */
final class Padding {
    private Padding() {}

    /** Inputs {@code [batch, tokens]} without the trailing columns in which {@code attention_mask} is 0 in all rows. */
    static Map<String, Tensor> trim(Map<String, Tensor> feed) {
        var mask = feed.get(Samples.MASK);
        if (mask == null || mask.rank() != 2) {
            return feed;
        }
        int tokens = mask.dim(1);
        // A second sequence of another length (that of an encoder) does not belong to this mask.
        if (feed.values().stream().anyMatch(input -> input.dim(1) != tokens)) {
            return feed;
        }
        int used = 1;
        for (int i = 0; i < mask.size(); i++) {
            if (mask.get(i) != 0) {
                used = Math.max(used, i % tokens + 1);
            }
        }
        var trimmed = new LinkedHashMap<String, Tensor>();
        for (var input : feed.entrySet()) {
            trimmed.put(input.getKey(), columns(input.getValue(), used));
        }
        return trimmed;
    }

    /** The first columns of {@code [batch, tokens, ...]}. */
    static Tensor columns(Tensor tensor, int used) {
        if (tensor.dim(1) <= used) {
            return tensor;
        }
        var shape = tensor.shape().clone();
        int row = Math.toIntExact(tensor.type().bytes(tensor.size() / tensor.dim(0)));
        shape[1] = used;
        int kept = Math.toIntExact(tensor.type().bytes(Tensor.count(shape) / tensor.dim(0)));
        var bytes = ByteBuffer.allocateDirect(kept * tensor.dim(0));
        for (int i = 0; i < tensor.dim(0); i++) {
            bytes.put(tensor.data().slice(i * row, kept));
        }
        return new Tensor(tensor.type(), shape, bytes);
    }
}
