package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.UnsafeByteOperations;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Converts tensors from and to protobuf; both ways of storing values (raw bytes, typed lists) are read. */
public final class TensorProtos {
    private TensorProtos() {}

    /**
     * Decodes an inline tensor.
     *
     * @throws BadInput naming the tensor if its type is not a number type or its size does not match its shape
     */
    public static Tensor fromProto(TensorProto proto) {
        try {
            var type = DataType.of(proto.getDataType());
            var shape = proto.getDimsList().stream().mapToLong(Long::longValue).toArray();
            if (proto.hasRawData()) {
                return new Tensor(type, shape, proto.getRawData().asReadOnlyByteBuffer());
            }
            return fromLists(proto, type, shape);
        } catch (BadInput bad) {
            throw new BadInput("tensor '" + proto.getName() + "': " + bad.getMessage(), bad);
        } catch (ArithmeticException e) {
            throw new BadInput(
                    "tensor '" + proto.getName() + "': the shape " + proto.getDimsList() + " is larger than any memory",
                    e);
        }
    }

    private static Tensor fromLists(TensorProto proto, DataType type, long[] shape) {
        int given = switch (type) {
            case FLOAT -> proto.getFloatDataCount();
            case DOUBLE -> proto.getDoubleDataCount();
            case INT64 -> proto.getInt64DataCount();
            case UINT64, UINT32 -> proto.getUint64DataCount();
            default -> proto.getInt32DataCount();
        };
        // Compared before anything is allocated, because a few bytes of file may declare any shape.
        long needed = type.bits() < 8 ? type.bytes(Tensor.count(shape)) : Tensor.count(shape);
        if (given != needed) {
            throw new BadInput(
                    "has " + given + " values, but its shape " + Arrays.toString(shape) + " needs " + needed);
        }
        var bytes = ByteBuffer.allocate(Math.toIntExact(type.bytes(Tensor.count(shape))))
                .order(ByteOrder.LITTLE_ENDIAN);
        switch (type) {
            case FLOAT -> proto.getFloatDataList().forEach(bytes::putFloat);
            case DOUBLE -> proto.getDoubleDataList().forEach(bytes::putDouble);
            case INT64 -> proto.getInt64DataList().forEach(bytes::putLong);
            case UINT64 -> proto.getUint64DataList().forEach(bytes::putLong);
            case UINT32 -> proto.getUint64DataList().forEach(value -> bytes.putInt(value.intValue()));
            case INT32 -> proto.getInt32DataList().forEach(bytes::putInt);
            case INT16, UINT16, FLOAT16, BFLOAT16 ->
                proto.getInt32DataList().forEach(value -> bytes.putShort(value.shortValue()));
            case INT8, UINT8, BOOL, INT4, UINT4 ->
                proto.getInt32DataList().forEach(value -> bytes.put(value.byteValue()));
        }
        return new Tensor(type, shape, bytes);
    }

    /** Encodes a tensor with raw bytes under {@code name}; the bytes are shared, not copied. */
    public static TensorProto toProto(String name, Tensor tensor) {
        return header(name, tensor)
                .setRawData(UnsafeByteOperations.unsafeWrap(tensor.data()))
                .build();
    }

    /** Name, type and shape, without values. */
    static TensorProto.Builder header(String name, Tensor tensor) {
        var proto =
                TensorProto.newBuilder().setName(name).setDataType(tensor.type().code());
        for (long dim : tensor.shape()) {
            proto.addDims(dim);
        }
        return proto;
    }
}
