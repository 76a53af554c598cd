package dev.quantline.gradient.emit;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;

/** Constants of the element type that a formula requires. */
final class Constants {
    private Constants() {}

    static Tensor of(DataType type, double[] values, long... shape) {
        var tensor = Tensor.zeros(type, shape);
        var data = tensor.data();
        for (double value : values) {
            switch (type) {
                case FLOAT -> data.putFloat((float) value);
                case DOUBLE -> data.putDouble(value);
                case FLOAT16 -> data.putShort(Float.floatToFloat16((float) value));
                case INT32 -> data.putInt((int) value);
                case INT64 -> data.putLong((long) value);
                default -> throw new IllegalArgumentException("constants in formulas cannot have type " + type);
            }
        }
        return tensor;
    }
}
