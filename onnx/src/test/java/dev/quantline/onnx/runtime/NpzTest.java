package dev.quantline.onnx.runtime;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Limit;
import dev.quantline.onnx.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class NpzTest {
    /** {@code numpy.savez(file, x=numpy.arange(6, dtype='i2').reshape(3, 2))} of numpy 2.4, as base64. */
    private static final String BY_NUMPY = """
        UEsDBC0AAAAAAAAAIQB1iCO7//////////8FABQAeC5ucHkBABAAjAAAAAAAAACMAAAAAAAAAJNOVU1QWQEAdgB7J2Rlc2NyJzog
        JzxpMicsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgzLCAyKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAg
        ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAKAAABAAIAAwAEAAUAUEsBAi0DLQAAAAAAAAAhAHWII7uMAAAAjAAAAAUA
        AAAAAAAAAAAAAIABAAAAAHgubnB5UEsFBgAAAAABAAEAMwAAAMMAAAAAAA==
        """;

    @TempDir
    private Path folder;

    private Path file() {
        return folder.resolve("data.npz");
    }

    /** Bytes before the values of a short array. */
    private static final int NPY_HEADER = 128;

    private static Tensor all(Path file, String array) throws IOException {
        try (var npz = Npz.open(file);
                var rows = npz.rows(array)) {
            return rows.next((int) npz.headers().get(array).rows(), true);
        }
    }

    private String refusal() {
        return assertThrows(BadInput.class, () -> {
                    try (var npz = Npz.open(file())) {
                        for (var array : npz.headers().keySet()) {
                            try (var rows = npz.rows(array)) {
                                rows.next((int) npz.headers().get(array).rows(), true);
                            }
                        }
                    }
                })
                .getMessage();
    }

    @Test
    void whatNumpyWroteIsRead() throws IOException {
        Files.write(file(), Base64.getMimeDecoder().decode(BY_NUMPY));

        var array = all(file(), "x");

        assertEquals(DataType.INT16, array.type());
        assertArrayEquals(new long[] {3, 2}, array.shape());
        assertArrayEquals(new long[] {0, 1, 2, 3, 4, 5}, array.toLongs());
    }

    @Test
    void storedAndDeflatedEntriesAreReadAlike() throws IOException {
        for (var archive : List.of(Archive.stored(), Archive.deflated())) {
            archive.array("x", "|u1", false, "(2, 2)", (byte) 1, (byte) 2, (byte) 3, (byte) 200)
                    .write(file());

            assertArrayEquals(new float[] {1, 2, 3, 200}, all(file(), "x").toFloats());
        }
    }

    @Test
    void laterHeaderFormatsAreRead() throws IOException {
        for (int version : List.of(2, 3)) {
            Archive.stored()
                    .entry(
                            "x.npy",
                            Archive.npy(
                                    version,
                                    "{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }",
                                    (byte) 7,
                                    (byte) 0,
                                    (byte) 0,
                                    (byte) 0,
                                    (byte) 0,
                                    (byte) 0,
                                    (byte) 0,
                                    (byte) 0))
                    .write(file());

            assertArrayEquals(new long[] {7}, all(file(), "x").toLongs());
        }
    }

    @Test
    void whatIsWrittenIsReadBack() throws IOException {
        long seed = 5;
        var random = new Random(seed);
        var bytes = new byte[5 * 3];
        random.nextBytes(bytes);
        var arrays = Map.of(
                "a",
                Tensor.of(DataType.UINT8, bytes, 5, 3),
                "b",
                Tensor.of(new float[] {1, -2.5f}, 2),
                "c",
                Tensor.of(new long[] {Long.MIN_VALUE}, 1, 1));

        Npz.write(file(), arrays);

        for (var array : arrays.entrySet()) {
            assertEquals(array.getValue(), all(file(), array.getKey()), array.getKey());
        }
    }

    @Test
    void rowsAreReadInPiecesFromAnywhere() throws IOException {
        Npz.write(file(), Map.of("x", Tensor.of(new int[] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 5, 2)));

        try (var npz = Npz.open(file());
                var rows = npz.rows("x")) {
            rows.skip(1);

            assertArrayEquals(new long[] {2, 3, 4, 5}, rows.next(2, false).toLongs());
            assertArrayEquals(new long[] {6, 7, 8, 9}, rows.next(2, true).toLongs());
        }
    }

    @Test
    void arraysShorterOrLongerThanTheirHeaderAreRefused() throws IOException {
        Archive.deflated()
                .array("x", "|u1", false, "(4,)", (byte) 1, (byte) 2, (byte) 3)
                .write(file());
        assertTrue(
                refusal().contains("array 'x': declares the shape [4] of 4 bytes, but the file contains 3"), refusal());

        Archive.deflated()
                .array("x", "|u1", false, "(2,)", (byte) 1, (byte) 2, (byte) 3)
                .write(file());
        assertTrue(
                refusal().contains("array 'x': declares the shape [2] of 2 bytes, but the file contains 3"), refusal());
    }

    @Test
    void sizesNoMachineHasAreRefusedBeforeAnythingIsAllocated() throws IOException {
        for (String shape : List.of(
                "(4, 1000000000000)", "(4000000000000000000000,)", "(3000000000,)", "(99999999, 99999999, 99999999)")) {
            Archive.deflated().array("x", "<f4", false, shape, (byte) 1).write(file());

            assertTrue(refusal().contains("array 'x'"), refusal());
        }
    }

    @Test
    void anArchiveThatLiesAboutASizeIsFoundOutWhileItIsRead() throws IOException {
        var archive = Archive.deflated().array("x", "|u1", false, "(4,)", (byte) 1, (byte) 2, (byte) 3);
        archive.claiming(NPY_HEADER + 4).write(file());

        assertTrue(refusal().contains("'x' does not have the size"), refusal());
    }

    @Test
    void tooManyRowsAtOnceAreRefusedInWords() throws IOException {
        var archive = Archive.deflated().array("x", "|u1", false, "(3, 1000000000)", (byte) 1);
        archive.claiming(NPY_HEADER + 3_000_000_000L).write(file());
        System.setProperty(Limit.ROW.property(), "1000000000");

        try (var npz = Npz.open(file());
                var rows = npz.rows("x")) {
            var bad = assertThrows(BadInput.class, () -> rows.next(3, true));
            assertTrue(bad.getMessage().contains("smaller batch"), bad.getMessage());
        } finally {
            System.clearProperty(Limit.ROW.property());
        }
    }

    @Test
    void fortranOrderIsRefusedAndSaysWhatToDo() throws IOException {
        Archive.stored().array("x", "<f4", true, "(1,)", new byte[4]).write(file());

        assertTrue(refusal().contains("ascontiguousarray"), refusal());
    }

    @Test
    void picklesTextAndForeignByteOrderAreRefused() throws IOException {
        for (String descr : List.of("|O", "<U5", ">f4", "<c8", "<M8[ns]")) {
            Archive.stored().array("x", descr, false, "(1,)", new byte[64]).write(file());

            assertTrue(refusal().contains(descr), refusal());
        }
        Archive.stored()
                .entry("x.npy", Archive.npy(1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }"))
                .write(file());
        assertTrue(refusal().contains("'x'"), refusal());
    }

    @Test
    void filesThatAreNoArchiveAreRefused() throws IOException {
        Files.writeString(file(), "garbage, but long enough for a reader to look for a directory at the end of it");
        assertTrue(refusal().contains("data.npz"), refusal());

        Files.write(file(), new byte[0]);
        assertTrue(refusal().contains("data.npz"), refusal());

        var whole =
                Archive.stored().array("x", "|u1", false, "(4,)", new byte[4]).bytes();
        Files.write(file(), Arrays.copyOf(whole, whole.length - 10));
        assertTrue(refusal().contains("data.npz"), refusal());

        // A comment behind the directory that is not there.
        whole[whole.length - 2] = 32;
        Files.write(file(), whole);
        assertTrue(refusal().contains("data.npz is not an .npz file"), refusal());
    }

    @Test
    void entriesThatAreNoArraysAreRefused() throws IOException {
        Archive.stored().entry("readme.txt", "hello".getBytes()).write(file());
        assertTrue(refusal().contains("readme.txt"), refusal());

        Archive.stored().entry("x.npy", "hello, this is no array".getBytes()).write(file());
        assertTrue(refusal().contains("'x'"), refusal());
    }

    @Test
    void damagedEntriesAreBadInputNotFailingDisks() throws IOException {
        long seed = 9;
        var random = new Random(seed);
        var values = new byte[4000];
        random.nextBytes(values);
        var whole =
                Archive.deflated().array("x", "|u1", false, "(4000,)", values).bytes();
        int refused = 0;
        for (int round = 0; round < 200; round++) {
            // Given: bytes overwritten inside the compressed data
            var damaged = whole.clone();
            int at = 40 + random.nextInt(200);
            for (int i = 0; i < 4; i++) {
                damaged[at + i] = (byte) random.nextInt();
            }
            Files.write(file(), damaged);

            // Then: it is either read in full (a flipped value cannot be detected), or rejected in words
            try {
                all(file(), "x");
            } catch (BadInput bad) {
                refused++;
            }
        }
        assertTrue(refused > 100, refused + " refused, seed " + seed);
    }

    @Test
    void anArrayTwiceIsRefused() throws IOException {
        // Given: "y" renamed to "x" in both places in which a zip file stores names
        var bytes = Archive.stored()
                .array("x", "|u1", false, "(1,)", (byte) 1)
                .array("y", "|u1", false, "(1,)", (byte) 2)
                .bytes();
        for (int i = 0; i + 5 <= bytes.length; i++) {
            if (new String(bytes, i, 5).equals("y.npy")) {
                bytes[i] = 'x';
            }
        }
        Files.write(file(), bytes);

        assertTrue(refusal().contains("twice"), refusal());
    }
}
