package dev.quantline.onnx;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/**
 * A dense tensor in row-major order over little-endian bytes, for initializers, samples, activations and results alike.
 * The buffer may be direct or memory mapped; it is shared, not copied, and treated as immutable by everyone except the
 * owner of a trained parameter.
 *
 * @param type  element type
 * @param shape sizes of the axes, outermost first; empty for a scalar
 * @param data  exactly {@code type.bytes(size)} bytes from position 0
 */
public record Tensor(DataType type, long[] shape, ByteBuffer data) {
    /** Below this many bytes a system call costs more than the memory is worth. */
    private static final int LARGE = 1 << 20;

    public Tensor {
        shape = shape.clone();
        data = data.duplicate().clear().order(ByteOrder.LITTLE_ENDIAN);
        if (LongStream.of(shape).anyMatch(dim -> dim < 0)) {
            throw new BadInput("a tensor cannot have the shape " + Arrays.toString(shape));
        }
        if (data.remaining() != type.bytes(count(shape))) {
            throw new BadInput("tensor of " + type + " " + Arrays.toString(shape) + " needs " + type.bytes(count(shape))
                    + " bytes but has " + data.remaining());
        }
    }

    /** Zeros of this type and shape in direct memory. */
    public static Tensor zeros(DataType type, long... shape) {
        return new Tensor(type, shape, direct(Math.toIntExact(type.bytes(count(shape)))));
    }

    /** FLOAT tensor with these values. */
    public static Tensor of(float[] values, long... shape) {
        var tensor = zeros(DataType.FLOAT, shape);
        tensor.floats().put(values);
        return tensor;
    }

    /** INT64 tensor with these values. */
    public static Tensor of(long[] values, long... shape) {
        var tensor = zeros(DataType.INT64, shape);
        tensor.data().order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().put(values);
        return tensor;
    }

    /** INT32 tensor with these values. */
    public static Tensor of(int[] values, long... shape) {
        var tensor = zeros(DataType.INT32, shape);
        tensor.data().asIntBuffer().put(values);
        return tensor;
    }

    /** One-byte tensor (INT8, UINT8 or BOOL) with these bytes. */
    public static Tensor of(DataType type, byte[] values, long... shape) {
        return new Tensor(type, shape, direct(values.length).put(values));
    }

    /** FLOAT scalar. */
    public static Tensor scalar(float value) {
        return of(new float[] {value});
    }

    /** INT64 vector. */
    public static Tensor vector(long... values) {
        return of(values, values.length);
    }

    /** FLOAT vector. */
    public static Tensor vector(float... values) {
        return of(values, values.length);
    }

    private static ByteBuffer direct(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** A FLOAT tensor in half precision, with each value rounded to the nearest. */
    public Tensor half() {
        var halves = direct(size() * Short.BYTES);
        var values = floats();
        for (int i = 0; i < values.limit(); i++) {
            halves.putShort(i * Short.BYTES, Float.floatToFloat16(values.get(i)));
        }
        return new Tensor(DataType.FLOAT16, shape, halves);
    }

    /** A view of the bytes with its own position, little-endian. */
    @Override
    public ByteBuffer data() {
        return data.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    }

    @Override
    public long[] shape() {
        return shape.clone();
    }

    /** Number of axes. */
    public int rank() {
        return shape.length;
    }

    /** Size of one axis; negative axes count from the end. */
    public int dim(int axis) {
        return Math.toIntExact(shape[axis < 0 ? axis + shape.length : axis]);
    }

    /** Number of elements. */
    public int size() {
        return Math.toIntExact(count(shape));
    }

    /** A view of the values of a FLOAT tensor, without copying. */
    public FloatBuffer floats() {
        if (type != DataType.FLOAT) {
            throw new IllegalStateException("a " + type + " tensor has no float view");
        }
        return data().asFloatBuffer();
    }

    /** All values converted to float, row-major. Releases the memory of a mapped tensor, because weights are read one after the other. */
    public float[] toFloats() {
        var values = new float[size()];
        if (type == DataType.FLOAT) {
            floats().get(values);
            unload();
        } else {
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) get(i);
            }
        }
        return values;
    }

    /** Releases the memory of a mapped tensor; later reads load it from the file again. */
    public void unload() {
        if (data instanceof MappedByteBuffer && data.capacity() >= LARGE) {
            var memory = MemorySegment.ofBuffer(data);
            if (memory.isMapped()) {
                memory.unload();
            }
        }
    }

    /**
     * The same in a file of its own, memory mapped. It has no name any more when this returns; its space is free when nothing reads
     * the tensor.
     */
    public Tensor inFile() {
        try {
            var file = Files.createTempFile("tensor", ".bin");
            try (var channel = FileChannel.open(
                    file, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.DELETE_ON_CLOSE)) {
                ExternalData.append(channel, this);
                return new Tensor(type, shape, channel.map(FileChannel.MapMode.READ_ONLY, 0, data.capacity()));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("a tensor cannot be kept in a file", e);
        }
    }

    /** All values converted to long, row-major; fractions are truncated. */
    public long[] toLongs() {
        var values = new long[size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = type == DataType.INT64 ? data.getLong(i * 8) : (long) get(i);
        }
        return values;
    }

    /** Element {@code i} in row-major order, as a double (INT64 beyond 2^53 loses digits). */
    public double get(int i) {
        return switch (type) {
            case FLOAT -> data.getFloat(i * 4);
            case DOUBLE -> data.getDouble(i * 8);
            case FLOAT16 -> Float.float16ToFloat(data.getShort(i * 2));
            case BFLOAT16 -> Float.intBitsToFloat(data.getShort(i * 2) << 16);
            case INT8 -> data.get(i);
            case UINT8, BOOL -> Byte.toUnsignedInt(data.get(i));
            case INT16 -> data.getShort(i * 2);
            case UINT16 -> Short.toUnsignedInt(data.getShort(i * 2));
            case INT32 -> data.getInt(i * 4);
            case UINT32 -> Integer.toUnsignedLong(data.getInt(i * 4));
            case INT64, UINT64 -> data.getLong(i * 8);
            case UINT4 -> nibble(i);
            case INT4 -> (nibble(i) ^ 8) - 8;
        };
    }

    private int nibble(int i) {
        return data.get(i / 2) >> (i % 2 * 4) & 0xf;
    }

    /** The same values in another shape of the same size. */
    public Tensor reshape(long... newShape) {
        return new Tensor(type, newShape, data);
    }

    /** Rows {@code from} to {@code to} (exclusive) of the first axis, as a view. */
    public Tensor rows(int from, int to) {
        var rowShape = shape();
        rowShape[0] = to - from;
        long row = type.bytes(count(shape) / Math.max(1, shape[0]));
        return new Tensor(
                type, rowShape, data().slice(Math.toIntExact(from * row), Math.toIntExact((to - from) * row)));
    }

    /** The tensor concatenated with itself along the first axis. */
    public Tensor repeated() {
        var twice = shape();
        twice[0] *= 2;
        return new Tensor(
                type,
                twice,
                ByteBuffer.allocateDirect(2 * data.capacity()).put(data()).put(data()));
    }

    /** Number of elements of a shape. */
    public static long count(long[] shape) {
        return LongStream.of(shape).reduce(1, Math::multiplyExact);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Tensor that
                && type == that.type
                && Arrays.equals(shape, that.shape)
                && data.equals(that.data);
    }

    @Override
    public int hashCode() {
        return 31 * type.hashCode() + Arrays.hashCode(shape);
    }

    @Override
    public String toString() {
        return type + LongStream.of(shape).mapToObj(Long::toString).collect(Collectors.joining(", ", "[", "]"));
    }
}
