package dev.quantline.onnx.runtime;

import dev.quantline.onnx.Tensor;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * The batch axis of a tensor, along which it has its samples; none if it is the same for all of them.
 *
 * @param axis counted from the front; -1 for none
 */
public record BatchAxis(int axis) {
    public static final BatchAxis FIRST = new BatchAxis(0);
    public static final BatchAxis NONE = new BatchAxis(-1);

    /** Whether the tensor is the same for all samples. */
    public boolean isNone() {
        return axis < 0;
    }

    /** Moves the samples of a tensor {@code [samples, ...]} to this axis, keeping the order of the others. */
    public Tensor place(Tensor samplesFirst) {
        return axis <= 0
                ? samplesFirst
                : swapped(
                        samplesFirst,
                        place(samplesFirst.shape()),
                        samplesFirst.dim(0),
                        count(samplesFirst.shape(), 1, axis + 1));
    }

    /** The same for a shape. */
    public long[] place(long[] samplesFirst) {
        var placed = samplesFirst.clone();
        for (int i = 0; i < axis; i++) {
            placed[i] = samplesFirst[i + 1];
        }
        placed[Math.max(0, axis)] = samplesFirst[0];
        return placed;
    }

    /** The inverse of {@link #place(Tensor)}. */
    public Tensor toFront(Tensor tensor) {
        if (axis <= 0) {
            return tensor;
        }
        var shape = tensor.shape();
        System.arraycopy(shape, 0, shape, 1, axis);
        shape[0] = tensor.dim(axis);
        return swapped(tensor, shape, count(tensor.shape(), 0, axis), tensor.dim(axis));
    }

    private static int count(long[] shape, int from, int to) {
        return Math.toIntExact(Tensor.count(Arrays.copyOfRange(shape, from, to)));
    }

    /** Transposes {@code [rows, columns, rest]} to {@code [columns, rows, rest]}. */
    private static Tensor swapped(Tensor tensor, long[] shape, int rows, int columns) {
        var from = tensor.data();
        int rest = rows == 0 || columns == 0 ? 0 : from.capacity() / rows / columns;
        var to = ByteBuffer.allocateDirect(from.capacity());
        for (int column = 0; column < columns; column++) {
            for (int row = 0; row < rows; row++) {
                to.put(from.slice((row * columns + column) * rest, rest));
            }
        }
        return new Tensor(tensor.type(), shape, to);
    }
}
