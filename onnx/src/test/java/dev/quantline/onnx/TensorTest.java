package dev.quantline.onnx;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class TensorTest {
    @Test
    void rowsAndReshapeAreViewsOfTheSameMemory() {
        // Given
        var tensor = Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 3, 2);
        var rows = tensor.rows(1, 3);
        var flat = tensor.reshape(6);

        // When
        tensor.floats().put(3, 40);

        // Then
        assertArrayEquals(new float[] {3, 40, 5, 6}, rows.toFloats());
        assertArrayEquals(new long[] {2, 2}, rows.shape());
        assertEquals(40, flat.get(3));
    }

    @Test
    void viewsHavePositionsOfTheirOwn() {
        var tensor = Tensor.of(new float[] {1, 2}, 2);
        tensor.floats().get();
        tensor.data().getInt();

        assertArrayEquals(new float[] {1, 2}, tensor.toFloats());
    }

    @Test
    void fourBitValuesLieTwoAByteTheFirstInTheLowHalf() {
        // Given: 5 values in 3 bytes
        var bytes = new byte[] {(byte) 0x8f, 0x17, 0x03};

        // When
        var signed = new Tensor(DataType.INT4, new long[] {5}, ByteBuffer.wrap(bytes));
        var unsigned = new Tensor(DataType.UINT4, new long[] {5}, ByteBuffer.wrap(bytes));

        // Then
        assertArrayEquals(new float[] {-1, -8, 7, 1, 3}, signed.toFloats());
        assertArrayEquals(new float[] {15, 8, 7, 1, 3}, unsigned.toFloats());
    }

    @Test
    void halfPrecisionIsRead() {
        // Given: 1.5 and -0.25 as IEEE half and as bfloat16, little-endian
        var half = new byte[] {0x00, 0x3e, 0x00, (byte) 0xb4};
        var brain = new byte[] {(byte) 0xc0, 0x3f, (byte) 0x80, (byte) 0xbe};

        assertArrayEquals(
                new float[] {1.5f, -.25f},
                new Tensor(DataType.FLOAT16, new long[] {2}, ByteBuffer.wrap(half)).toFloats());
        assertArrayEquals(
                new float[] {1.5f, -.25f},
                new Tensor(DataType.BFLOAT16, new long[] {2}, ByteBuffer.wrap(brain)).toFloats());
    }

    @Test
    void unsignedBytesAndLongsBeyondDoublesKeepTheirValue() {
        long large = (1L << 53) + 1;

        assertArrayEquals(new long[] {large}, Tensor.vector(large).toLongs());
        assertArrayEquals(
                new long[] {200, 255},
                Tensor.of(DataType.UINT8, new byte[] {(byte) 200, -1}, 2).toLongs());
        assertArrayEquals(
                new long[] {-56, -1},
                Tensor.of(DataType.INT8, new byte[] {(byte) 200, -1}, 2).toLongs());
        assertArrayEquals(
                new long[] {2, -2}, Tensor.of(new float[] {2.9f, -2.9f}, 2).toLongs());
    }

    @Test
    void shapeAndBytesMustAgree() {
        var bad = assertThrows(
                BadInput.class, () -> new Tensor(DataType.FLOAT, new long[] {2, 3}, ByteBuffer.allocate(20)));
        assertTrue(bad.getMessage().contains("[2, 3]") && bad.getMessage().contains("20"), bad.getMessage());

        assertThrows(BadInput.class, () -> Tensor.vector(1f, 2f).reshape(3));
        assertThrows(BadInput.class, () -> new Tensor(DataType.FLOAT, new long[] {-1, -2}, ByteBuffer.allocate(8)));
    }

    @Test
    void equalityIsByTypeShapeAndContent() {
        var tensor = Tensor.of(new float[] {1, 2}, 1, 2);

        assertEquals(tensor, Tensor.of(new float[] {1, 2}, 1, 2));
        assertNotEquals(tensor, Tensor.of(new float[] {1, 2}, 2, 1));
        assertNotEquals(tensor, Tensor.of(new float[] {1, 3}, 1, 2));
        assertNotEquals(Tensor.of(DataType.INT8, new byte[] {1}, 1), Tensor.of(DataType.UINT8, new byte[] {1}, 1));
    }

    @Test
    void sizesAreOfPackedElementsAndScalarsHoldOne() {
        assertEquals(3, DataType.INT4.bytes(5));
        assertEquals(1, Tensor.scalar(7).size());
        assertEquals(0, Tensor.scalar(7).rank());
        assertEquals(3, Tensor.zeros(DataType.INT8, 2, 3).dim(-1));
        assertThrows(IllegalStateException.class, () -> Tensor.vector(1L).floats());
    }
}
