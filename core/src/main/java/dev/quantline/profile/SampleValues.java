package dev.quantline.profile;

import dev.quantline.onnx.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * One sample's part of an activation.
 *
 * @param sample which sample, counted over the data set; {@link #ALL} where samples cannot be told apart
 * @param values row-major
 * @param shape  the activation's, for this sample alone
 */
record SampleValues(int sample, float[] values, long[] shape) {
    static final int ALL = -1;
    /** Axes that may be tokens, the usual first, by rank: [batch, tokens, channels], [batch, heads, tokens, size]. */
    private static final int[][] TOKEN_AXES = {{}, {}, {1}, {1, 2}, {2, 1, 3}};

    /**
     * Splits an activation whose first axis is, or begins with, the batch.
     *
     * @param batch   FLOAT
     * @param first   index of the first sample
     * @param samples how many samples the batch has
     * @param mask    {@code [samples, tokens]}: tokens with 0 are left out; empty keeps all
     */
    static List<SampleValues> of(Tensor batch, int first, int samples, Optional<Tensor> mask) {
        if (batch.rank() == 0 || samples < 1 || batch.dim(0) % samples != 0) {
            return List.of(new SampleValues(ALL, batch.toFloats(), batch.shape()));
        }
        var shape = batch.shape();
        shape[0] /= samples;
        int size = batch.size() / samples;
        var parts = new ArrayList<SampleValues>();
        for (int i = 0; i < samples; i++) {
            var values = new float[size];
            batch.floats().get(i * size, values);
            var part = new SampleValues(first + i, values, shape);
            parts.add(mask.isPresent() ? part.without(padding(mask.get(), i)) : part);
        }
        return parts;
    }

    private static boolean[] padding(Tensor mask, int sample) {
        var hidden = new boolean[mask.dim(1)];
        for (int t = 0; t < hidden.length; t++) {
            hidden[t] = mask.get(sample * hidden.length + t) == 0;
        }
        return hidden;
    }

    private SampleValues without(boolean[] hidden) {
        int axis = tokenAxis(hidden.length);
        int kept = 0;
        for (boolean token : hidden) {
            kept += token ? 0 : 1;
        }
        if (axis < 0 || kept == hidden.length) {
            return this;
        }
        int inner = (int) Arrays.stream(shape).skip(axis + 1).reduce(1, Math::multiplyExact);
        var left = new float[values.length / hidden.length * kept];
        int to = 0;
        for (int at = 0, token = 0; at < values.length; at += inner, token = token + 1 == hidden.length ? 0 : token + 1) {
            for (int i = at; i < at + inner && !hidden[token]; i++) {
                left[to++] = values[i];
            }
        }
        var smaller = shape.clone();
        smaller[axis] = kept;
        return new SampleValues(sample, left, smaller);
    }

    /** The axis that is as long as the mask; -1 when there is none. Rows of all samples may stand below each other. */
    private int tokenAxis(int tokens) {
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
