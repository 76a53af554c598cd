package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.TensorShapeProto;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.LongStream;

/** Declared types and shapes of inputs, outputs and inferred tensors. */
public final class ValueInfos {
    private static final Pattern NUMBERED = Pattern.compile("size(\\d{1,9})");

    private ValueInfos() {}

    /** A declaration with fixed sizes; negative axes are open, and equal numbers below -1 stand for equal sizes. */
    public static ValueInfoProto of(String name, DataType type, long... shape) {
        var dims = TensorShapeProto.newBuilder();
        for (long dim : shape) {
            var proto = dims.addDimBuilder();
            if (dim >= 0) {
                proto.setDimValue(dim);
            } else if (dim < -1) {
                proto.setDimParam("size" + -dim);
            }
        }
        return ValueInfoProto.newBuilder()
                .setName(name)
                .setType(TypeProto.newBuilder()
                        .setTensorType(TypeProto.Tensor.newBuilder()
                                .setElemType(type.code())
                                .setShape(dims)))
                .build();
    }

    /** A declaration of the type alone, with any shape. */
    public static ValueInfoProto of(String name, DataType type) {
        return ValueInfoProto.newBuilder()
                .setName(name)
                .setType(TypeProto.newBuilder()
                        .setTensorType(TypeProto.Tensor.newBuilder().setElemType(type.code())))
                .build();
    }

    /** Element type; empty for sequences, maps and strings. */
    public static Optional<DataType> type(ValueInfoProto info) {
        int code = info.getType().getTensorType().getElemType();
        return DataType.isKnown(code) ? Optional.of(DataType.of(code)) : Optional.empty();
    }

    /** Sizes of the axes, -1 where open; empty if not even the rank is known. */
    public static Optional<long[]> shape(ValueInfoProto info) {
        return numberedShape(info)
                .map(shape ->
                        LongStream.of(shape).map(size -> Math.max(size, -1)).toArray());
    }

    /** The same, with the numbers given to {@link #of} for open sizes. */
    public static Optional<long[]> numberedShape(ValueInfoProto info) {
        if (!info.getType().getTensorType().hasShape()) {
            return Optional.empty();
        }
        return Optional.of(info.getType().getTensorType().getShape().getDimList().stream()
                .mapToLong(dim -> {
                    var numbered = NUMBERED.matcher(dim.getDimParam());
                    return dim.hasDimValue()
                            ? dim.getDimValue()
                            : numbered.matches() ? -Long.parseLong(numbered.group(1)) : -1;
                })
                .toArray());
    }
}
