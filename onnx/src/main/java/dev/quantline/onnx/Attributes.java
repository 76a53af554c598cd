package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.AttributeProto.AttributeType;
import com.google.protobuf.ByteString;

/** Builds ONNX attributes from Java values. */
final class Attributes {
    private Attributes() {}

    static AttributeProto of(String name, Object value) {
        var attribute = AttributeProto.newBuilder().setName(name);
        switch (value) {
            case Long number -> attribute.setType(AttributeType.INT).setI(number);
            case Integer number -> attribute.setType(AttributeType.INT).setI(number);
            case Float number -> attribute.setType(AttributeType.FLOAT).setF(number);
            case String text -> attribute.setType(AttributeType.STRING).setS(ByteString.copyFromUtf8(text));
            case long[] numbers -> {
                attribute.setType(AttributeType.INTS);
                for (long number : numbers) {
                    attribute.addInts(number);
                }
            }
            case float[] numbers -> {
                attribute.setType(AttributeType.FLOATS);
                for (float number : numbers) {
                    attribute.addFloats(number);
                }
            }
            case Tensor tensor -> attribute.setType(AttributeType.TENSOR).setT(TensorProtos.toProto(name, tensor));
            default ->
                throw new IllegalArgumentException("attribute " + name + ": ONNX has no form for " + value.getClass());
        }
        return attribute.build();
    }
}
