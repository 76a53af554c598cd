package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.ByteString;
import java.util.List;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class TensorProtosTest {
    private static TensorProto.Builder proto(DataType type, long... dims) {
        var proto = TensorProto.newBuilder().setName("w").setDataType(type.code());
        for (long dim : dims) {
            proto.addDims(dim);
        }
        return proto;
    }

    @Test
    void typedListsAndRawBytesAreReadAlike() {
        var raw = proto(DataType.FLOAT, 2)
                .setRawData(ByteString.copyFrom(new byte[] {0, 0, (byte) 0x80, 0x3f, 0, 0, 0, (byte) 0xc0}));
        var listed = proto(DataType.FLOAT, 2).addAllFloatData(List.of(1f, -2f));

        assertEquals(TensorProtos.fromProto(raw.build()), TensorProtos.fromProto(listed.build()));
    }

    @Test
    void narrowTypesComeFromTheIntegerList() {
        var bytes =
                proto(DataType.INT8, 3).addAllInt32Data(List.of(-128, 0, 127)).build();
        var halves = proto(DataType.FLOAT16, 2)
                .addAllInt32Data(List.of(0x3e00, 0xb400))
                .build();
        var nibbles =
                proto(DataType.INT4, 3).addAllInt32Data(List.of(0x8f, 0x07)).build();

        assertArrayEquals(
                new float[] {-128, 0, 127}, TensorProtos.fromProto(bytes).toFloats());
        assertArrayEquals(
                new float[] {1.5f, -.25f}, TensorProtos.fromProto(halves).toFloats());
        assertArrayEquals(
                new float[] {-1, -8, 7}, TensorProtos.fromProto(nibbles).toFloats());
    }

    @Test
    void encodingAndDecodingGiveTheSameTensor() {
        var tensor = Tensor.of(new int[] {1, -2, 3}, 3, 1);

        assertEquals(tensor, TensorProtos.fromProto(TensorProtos.toProto("w", tensor)));
    }

    @Test
    void tooFewAndTooManyValuesAreRefusedByName() {
        for (var values : List.of(List.of(1f), List.of(1f, 2f, 3f))) {
            var bad = assertThrows(
                    BadInput.class,
                    () -> TensorProtos.fromProto(
                            proto(DataType.FLOAT, 2).addAllFloatData(values).build()));
            assertTrue(bad.getMessage().contains("'w'"), bad.getMessage());
        }
    }

    @Test
    void declaredShapesAreNotBelievedBeforeTheValuesAreThere() {
        // Given: shapes that would need 2 GB, more than a buffer can hold, more than a long can count, and a negative
        // number of bytes
        var shapes = List.of(
                new long[] {500_000_000}, new long[] {1L << 40}, new long[] {1L << 40, 1L << 40}, new long[] {-3});

        for (var shape : shapes) {
            // When
            var bad = assertThrows(
                    BadInput.class,
                    () -> TensorProtos.fromProto(
                            proto(DataType.FLOAT, shape).addFloatData(1).build()));

            // Then
            assertTrue(bad.getMessage().contains("'w'"), bad.getMessage());
        }
    }

    @Test
    void textIsNoNumberType() {
        var bad = assertThrows(
                BadInput.class,
                () -> TensorProtos.fromProto(
                        TensorProto.newBuilder().setName("words").setDataType(8).build()));

        assertTrue(bad.getMessage().contains("words") && bad.getMessage().contains("8"), bad.getMessage());
    }
}
