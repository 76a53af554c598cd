package dev.quantline.quantize.allocate;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.quantizer.Uniform;

/** The size of codes in a file: two 4-bit codes per byte, one byte per code of 5 to 8 bits, two bytes per wider code. */
final class Storage {
    private Storage() {}

    private static DataType scaleType(Uniform quantizer) {
        return quantizer.hasHalfScales() ? DataType.FLOAT16 : DataType.FLOAT;
    }

    /** Bytes of a constant's codes, scales and zero points. */
    static long bytes(Tensor constant, Uniform quantizer) {
        int bits = quantizer.bits();
        var type = bits <= 4 ? DataType.INT4 : bits <= 8 ? DataType.INT8 : DataType.INT16;
        int scales = quantizer.scale().length;
        return type.bytes(constant.size()) + scaleType(quantizer).bytes(scales) + type.bytes(scales);
    }
}
