package dev.quantline.quantize.profile;

import dev.quantline.onnx.Tensor;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * One sample's part of an activation.
 *
 * @param sample index over the data set; {@link #ALL} if samples cannot be told apart
 * @param values row-major; the array is reused for the next sample
 * @param count  number of values in use
 * @param shape  the activation's shape for this sample alone
 */
record SampleValues(int sample, float[] values, int count, long[] shape) {
    static final int ALL = -1;
    /** Axes that may be tokens, most usual first, by rank: [batch, tokens, channels], [batch, heads, tokens, size]. */
    private static final int[][] TOKEN_AXES = {{}, {}, {1}, {1, 2}, {2, 1, 3}};

    /**
     * Splits an activation whose first axis is, or begins with, the batch.
     *
     * @param batch   FLOAT
     * @param first   index of the first sample
     * @param samples number of samples in the batch
     * @param visible tokens that count; empty: all do
     * @param action  receives one sample after the other
     */
    static void forEach(
            Tensor batch, int first, int samples, Optional<VisibleTokens> visible, Consumer<SampleValues> action) {
        if (batch.rank() == 0 || samples < 1 || batch.dim(0) % samples != 0) {
            action.accept(new SampleValues(ALL, batch.toFloats(), batch.size(), batch.shape()));
            return;
        }
        var shape = batch.shape();
        shape[0] /= samples;
        int size = batch.size() / samples;
        int axis = visible.isPresent() ? tokenAxis(shape, visible.get().tokens()) : -1;
        var all = batch.floats();
        var values = new float[size];
        for (int i = 0; i < samples; i++) {
            int kept = axis < 0 ? 0 : visible.get().count(i);
            if (kept == 0) {
                all.get(i * size, values);
                action.accept(new SampleValues(first + i, values, size, shape));
            } else {
                var smaller = shape.clone();
                smaller[axis] = kept;
                int count = copy(
                        all.slice(i * size, size),
                        values,
                        (int) Tensor.count(Arrays.copyOfRange(shape, axis + 1, shape.length)),
                        visible.get().tokens(),
                        visible.get().runs()[i]);
                action.accept(new SampleValues(first + i, values, count, smaller));
            }
        }
    }

    /** @param inner number of elements per token */
    private static int copy(FloatBuffer from, float[] to, int inner, int tokens, int[] runs) {
        int count = 0;
        for (int row = 0; row < from.limit(); row += tokens * inner) {
            for (int i = 0; i < runs.length; i += 2) {
                int length = (runs[i + 1] - runs[i]) * inner;
                from.get(row + runs[i] * inner, to, count, length);
                count += length;
            }
        }
        return count;
    }

    /** The axis that is as long as the mask; -1 if there is none. The first axis may hold the rows of all samples, one below the other. */
    private static int tokenAxis(long[] shape, int tokens) {
        if (shape[0] == tokens && tokens > 1) {
            return 0;
        }
        for (int axis : TOKEN_AXES[shape.length < TOKEN_AXES.length ? shape.length : 0]) {
            if (shape[axis] == tokens) {
                return axis;
            }
        }
        return -1;
    }
}
