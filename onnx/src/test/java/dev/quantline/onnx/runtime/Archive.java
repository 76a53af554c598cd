package dev.quantline.onnx.runtime;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** An {@code .npz} assembled byte by byte, valid or not, without the code under test. */
final class Archive {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final ZipOutputStream zip = new ZipOutputStream(bytes);
    private final boolean deflated;
    private long claimed = -1;

    private Archive(boolean deflated) {
        this.deflated = deflated;
    }

    static Archive stored() {
        return new Archive(false);
    }

    static Archive deflated() {
        return new Archive(true);
    }

    /** A NumPy array of format 1.0, with its header padded to 64 bytes as by numpy. */
    Archive array(String name, String descr, boolean fortran, String shape, byte... values) throws IOException {
        return entry(
                name + ".npy",
                npy(
                        1,
                        "{'descr': '" + descr + "', 'fortran_order': " + (fortran ? "True" : "False") + ", 'shape': "
                                + shape + ", }",
                        values));
    }

    static byte[] npy(int version, String dictionary, byte... values) throws IOException {
        var out = new ByteArrayOutputStream();
        int start = version == 1 ? 10 : 12;
        int length = Math.ceilDiv(start + dictionary.length() + 1, 64) * 64 - start;
        out.write(
                new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', (byte) version, 0, (byte) length, (byte) (length >> 8)
                });
        out.write(new byte[start - 10]);
        out.write(
                (dictionary + " ".repeat(length - 1 - dictionary.length()) + "\n").getBytes(StandardCharsets.US_ASCII));
        out.write(values);
        return out.toByteArray();
    }

    Archive entry(String name, byte[] content) throws IOException {
        var entry = new ZipEntry(name);
        if (!deflated) {
            var crc = new CRC32();
            crc.update(content);
            entry.setMethod(ZipEntry.STORED);
            entry.setSize(content.length);
            entry.setCrc(crc.getValue());
        }
        zip.putNextEntry(entry);
        zip.write(content);
        return this;
    }

    /** Makes the directory at the end state this size for the first entry, whatever its real size. */
    Archive claiming(long size) {
        claimed = size;
        return this;
    }

    byte[] bytes() throws IOException {
        zip.close();
        var archive = bytes.toByteArray();
        if (claimed >= 0) {
            int directory = new String(archive, StandardCharsets.ISO_8859_1).indexOf("PK\1\2");
            ByteBuffer.wrap(archive).order(ByteOrder.LITTLE_ENDIAN).putInt(directory + 24, (int) claimed);
        }
        return archive;
    }

    Path write(Path file) throws IOException {
        return Files.write(file, bytes());
    }
}
