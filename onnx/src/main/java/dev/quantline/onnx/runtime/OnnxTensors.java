package dev.quantline.onnx.runtime;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.TensorInfo;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Converts tensors to ONNX Runtime's and back. */
final class OnnxTensors {
    /** Kernels read numbers of this many bytes at once. */
    private static final int ALIGNMENT = 8;

    private OnnxTensors() {}

    /**
     * Tensors of ONNX Runtime over the same memory, or over a copy of what it cannot read in place.
     *
     * @param opened receives what is to be closed
     */
    static Map<String, OnnxTensor> wrap(
            OrtEnvironment environment, Map<String, Tensor> tensors, List<OnnxTensor> opened) throws OrtException {
        var wrapped = new LinkedHashMap<String, OnnxTensor>();
        for (var entry : tensors.entrySet()) {
            var tensor = entry.getValue();
            var type = javaType(tensor.type())
                    .orElseThrow(() -> new BadInput(
                            "ONNX Runtime's Java interface does not support " + tensor.type() + " tensors"));
            var onnx = OnnxTensor.createTensor(environment, direct(tensor.data()), tensor.shape(), type);
            opened.add(onnx);
            wrapped.put(entry.getKey(), onnx);
        }
        return wrapped;
    }

    /** Whether {@link #wrap} takes tensors of a type. */
    static boolean areOf(DataType type) {
        return javaType(type).isPresent();
    }

    /** Whether ONNX Runtime can read and write memory where it is. */
    static boolean isReadInPlace(ByteBuffer data) {
        return data.isDirect() && data.alignmentOffset(0, ALIGNMENT) == 0;
    }

    private static ByteBuffer direct(ByteBuffer data) {
        return isReadInPlace(data)
                ? data
                : ByteBuffer.allocateDirect(data.remaining())
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .put(data)
                        .flip();
    }

    /** A copy. @throws BadInput naming the output if it is no tensor of numbers */
    static Tensor tensor(String name, OnnxValue value) {
        if (!(value instanceof OnnxTensor tensor)
                || tensor.getInfo().onnxType == TensorInfo.OnnxTensorType.ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING) {
            throw new BadInput(
                    "output '" + name + "' of the model is not a tensor of numbers: remove it from the model");
        }
        var type =
                DataType.valueOf(tensor.getInfo().onnxType.name().substring("ONNX_TENSOR_ELEMENT_DATA_TYPE_".length()));
        return new Tensor(type, tensor.getInfo().getShape(), tensor.getByteBuffer());
    }

    private static Optional<OnnxJavaType> javaType(DataType type) {
        return switch (type) {
            case FLOAT -> Optional.of(OnnxJavaType.FLOAT);
            case DOUBLE -> Optional.of(OnnxJavaType.DOUBLE);
            case FLOAT16 -> Optional.of(OnnxJavaType.FLOAT16);
            case BFLOAT16 -> Optional.of(OnnxJavaType.BFLOAT16);
            case INT8 -> Optional.of(OnnxJavaType.INT8);
            case UINT8 -> Optional.of(OnnxJavaType.UINT8);
            case INT16 -> Optional.of(OnnxJavaType.INT16);
            case INT32 -> Optional.of(OnnxJavaType.INT32);
            case INT64 -> Optional.of(OnnxJavaType.INT64);
            case BOOL -> Optional.of(OnnxJavaType.BOOL);
            default -> Optional.empty();
        };
    }
}
