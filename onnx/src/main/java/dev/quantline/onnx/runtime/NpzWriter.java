package dev.quantline.onnx.runtime;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.Deflater;
import java.util.zip.ZipOutputStream;

/**
 * Writes an {@code .npz} file whose number of rows is known only at the end. Rows of each array are buffered in a temporary file beside
 * the target, so memory does not grow with them; the target appears complete or not at all. The same rows give the same bytes.
 */
public final class NpzWriter implements AutoCloseable {
    private static final int BUFFER = 1 << 20;

    private final Path file;
    private final Path folder;
    private final Map<String, Rows> arrays = new LinkedHashMap<>();

    /** The rows of one array so far. */
    private static final class Rows {
        private final DataType type;
        private final long[] row;
        private final FileChannel waiting;
        private long count;

        Rows(DataType type, long[] row, FileChannel waiting) {
            this.type = type;
            this.row = row;
            this.waiting = waiting;
        }
    }

    /** @param file is replaced when {@link #finish} succeeds; its folder is created if it is missing */
    public NpzWriter(Path file) throws IOException {
        this.file = file;
        folder = Files.createDirectories(file.toAbsolutePath().getParent());
    }

    /**
     * Appends rows to an array; arrays are written in the order in which they were first given.
     *
     * @param rows {@code [rows, ...]}; element type and further axes must be the same for all rows of one array
     */
    public void add(String array, Tensor rows) throws IOException {
        var shape = rows.shape();
        var row = Arrays.copyOfRange(shape, 1, shape.length);
        if (!arrays.containsKey(array)) {
            arrays.put(array, new Rows(rows.type(), row, nameless()));
        }
        var known = arrays.get(array);
        if (known.type != rows.type() || !Arrays.equals(known.row, row)) {
            throw new IllegalArgumentException("array '" + array + "' has rows of " + known.type + " "
                    + Arrays.toString(known.row) + ", not " + rows);
        }
        var data = rows.data();
        while (data.hasRemaining()) {
            known.waiting.write(data);
        }
        known.count += shape[0];
    }

    private FileChannel nameless() throws IOException {
        var waiting = Files.createTempFile(folder, "." + file.getFileName(), ".rows");
        return FileChannel.open(
                waiting, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.DELETE_ON_CLOSE);
    }

    /** Writes the file. Nothing may be added afterwards. */
    public void finish() throws IOException {
        var part = folder.resolve(
                "." + file.getFileName() + "." + ProcessHandle.current().pid() + ".part");
        try {
            try (var zip = new ZipOutputStream(new BufferedOutputStream(Files.newOutputStream(part), BUFFER))) {
                zip.setLevel(Deflater.NO_COMPRESSION);
                for (var array : arrays.entrySet()) {
                    write(zip, array.getKey(), array.getValue());
                }
            }
            Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(part);
        }
    }

    private static void write(ZipOutputStream zip, String name, Rows rows) throws IOException {
        var shape = new long[rows.row.length + 1];
        shape[0] = rows.count;
        System.arraycopy(rows.row, 0, shape, 1, rows.row.length);
        Npz.begin(zip, name, new NpyHeader(rows.type, shape));
        copy(rows.waiting.position(0), zip);
    }

    private static void copy(FileChannel from, OutputStream to) throws IOException {
        var buffer = ByteBuffer.allocate(BUFFER);
        while (from.read(buffer) >= 0) {
            to.write(buffer.array(), 0, buffer.position());
            buffer.clear();
        }
    }

    /** Leaves nothing behind except a finished file. */
    @Override
    public void close() throws IOException {
        for (var rows : arrays.values()) {
            rows.waiting.close();
        }
    }
}
