package dev.quantline.onnx;

import java.util.HashMap;
import java.util.Map;

/** ONNX element types that hold numbers, with their {@code TensorProto.DataType} code and width in bits. */
public enum DataType {
    FLOAT(1, 32),
    UINT8(2, 8),
    INT8(3, 8),
    UINT16(4, 16),
    INT16(5, 16),
    INT32(6, 32),
    INT64(7, 64),
    BOOL(9, 8),
    FLOAT16(10, 16),
    DOUBLE(11, 64),
    UINT32(12, 32),
    UINT64(13, 64),
    BFLOAT16(16, 16),
    UINT4(21, 4),
    INT4(22, 4);

    private static final Map<Integer, DataType> BY_CODE = new HashMap<>();

    static {
        for (var type : values()) {
            BY_CODE.put(type.code, type);
        }
    }

    private final int code;
    private final int bits;

    DataType(int code, int bits) {
        this.code = code;
        this.bits = bits;
    }

    /** The number of this type in ONNX files. */
    public int code() {
        return code;
    }

    /** Width of one element in bits; 4-bit types are packed two per byte, the first in the low nibble. */
    public int bits() {
        return bits;
    }

    /** Number of bytes for {@code elements} packed elements. */
    public long bytes(long elements) {
        return Math.ceilDiv(Math.multiplyExact(elements, bits), 8L);
    }

    /** Whether the type is a floating-point type. */
    public boolean isFloating() {
        return this == FLOAT || this == DOUBLE || this == FLOAT16 || this == BFLOAT16;
    }

    /**
     * The type with this ONNX code.
     *
     * @throws BadInput for codes that are not plain numbers (strings, complex, float8)
     */
    public static DataType of(int code) {
        var type = BY_CODE.get(code);
        if (type == null) {
            throw new BadInput(
                    "tensor element type " + code + " is not supported: use a number type of at least 4 bits");
        }
        return type;
    }

    /** Whether {@link #of} knows the code. */
    public static boolean isKnown(int code) {
        return BY_CODE.containsKey(code);
    }
}
