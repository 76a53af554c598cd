package dev.quantline.quantize.profile;

import dev.quantline.onnx.Tensor;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * One sample's part of an activation.
 *
 * @param sample which sample, counted over the data set; {@link #ALL} where samples cannot be told apart
 * @param values row-major; the array serves the next sample again
 * @param count  how many of them there are
 * @param shape  the activation's, for this sample alone
 */
record SampleValues(int sample, float[] values, int count, long[] shape) {
    static final int ALL = -1;
    /** Axes that may be tokens, the usual first, by rank: [batch, tokens, channels], [batch, heads, tokens, size]. */
    private static final int[][] TOKEN_AXES = {{}, {}, {1}, {1, 2}, {2, 1, 3}};

    /**
     * Splits an activation whose first axis is, or begins with, the batch.
     *
     * @param batch   FLOAT
     * @param first   index of the first sample
     * @param samples how many samples the batch has
     * @param visible tokens that count; empty keeps all
     * @param action  takes one sample after the other
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

    /** @param inner elements between two tokens */
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

    /** The axis that is as long as the mask; -1 when there is none. Rows of all samples may stand below each other. */
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
