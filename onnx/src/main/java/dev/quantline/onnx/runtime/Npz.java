package dev.quantline.onnx.runtime;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Limit;
import dev.quantline.onnx.Tensor;
import java.io.BufferedOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * A NumPy {@code .npz} file whose arrays are read row by row, so that memory does not grow with the number of samples.
 * Entries may be stored or deflated. Nothing in the file is executed: object arrays (pickles) are rejected.
 */
public final class Npz implements AutoCloseable {
    private static final int BUFFER = 1 << 20;

    private final Path path;
    private final ZipFile zip;
    private final Map<String, NpyHeader> headers = new LinkedHashMap<>();

    private Npz(Path path, ZipFile zip) {
        this.path = path;
        this.zip = zip;
    }

    /**
     * Opens a file and reads the headers of its arrays.
     *
     * @throws BadInput naming the file and the array if it is not a readable {@code .npz}
     */
    public static Npz open(Path path) throws IOException {
        Npz npz;
        try {
            npz = new Npz(path, new ZipFile(path.toFile()));
        } catch (ZipException | EOFException e) {
            throw new BadInput(
                    path.getFileName() + " is not an .npz file (" + e.getMessage() + "): write it with numpy.savez", e);
        }
        try {
            npz.readHeaders();
            return npz;
        } catch (RuntimeException | IOException e) {
            npz.close();
            throw e;
        }
    }

    private void readHeaders() throws IOException {
        for (var entry : zip.stream().toList()) {
            if (!entry.getName().endsWith(".npy")) {
                throw new BadInput(path.getFileName() + ": entry '" + entry.getName() + "' is not a NumPy array");
            }
            String name = entry.getName().substring(0, entry.getName().length() - 4);
            try (var in = zip.getInputStream(entry)) {
                var header = NpyHeader.read(in);
                if (header.shape().length > 0 && header.rowBytes() > Limit.ROW.value()) {
                    throw new BadInput("one sample takes " + header.rowBytes() + " bytes: " + Limit.ROW.words());
                }
                if (header.rows() > Integer.MAX_VALUE) {
                    throw new BadInput("declares " + header.rows() + " rows: split the file into parts of at most "
                            + Integer.MAX_VALUE + " rows");
                }
                // What the archive says about the entry is known before anything is read, planned or allocated.
                if (entry.getSize() >= 0 && entry.getSize() != header.bytes() + header.dataBytes()) {
                    throw new BadInput(
                            "declares the shape " + Arrays.toString(header.shape()) + " of " + header.dataBytes()
                                    + " bytes, but the file contains " + Math.max(0, entry.getSize() - header.bytes())
                                    + ": write it again");
                }
                if (headers.put(name, header) != null) {
                    throw new BadInput("is in the file twice");
                }
            } catch (BadInput bad) {
                throw new BadInput(path.getFileName() + ": array '" + name + "': " + bad.getMessage(), bad);
            } catch (ZipException | EOFException e) {
                throw damaged(name, e);
            }
        }
    }

    /** Headers by array name, in file order. */
    Map<String, NpyHeader> headers() {
        return headers;
    }

    /** Opens one array for reading from its first row. */
    Rows rows(String name) throws IOException {
        var in = zip.getInputStream(zip.getEntry(name + ".npy"));
        NpyHeader.read(in);
        return new Rows(name, headers.get(name), in);
    }

    /** Reads one whole array into memory. */
    public Tensor read(String name) throws IOException {
        try (var rows = rows(name)) {
            if (headers.get(name).shape().length == 0) {
                return new Tensor(headers.get(name).type(), new long[0], rows.scalar());
            }
            return rows.next(Math.toIntExact(headers.get(name).rows()), true);
        }
    }

    /** A cursor over the rows of one array. */
    final class Rows implements AutoCloseable {
        private final String name;
        private final NpyHeader header;
        private final InputStream in;

        private Rows(String name, NpyHeader header, InputStream in) {
            this.name = name;
            this.header = header;
            this.in = in;
        }

        void skip(long rows) throws IOException {
            try {
                in.skipNBytes(rows * header.rowBytes());
            } catch (IOException e) {
                throw damaged(name, e);
            }
        }

        /** The next {@code rows} rows; if {@code last}, checks that the array ends with them. */
        Tensor next(int rows, boolean last) throws IOException {
            var shape = header.shape().clone();
            shape[0] = rows;
            long bytes = rows * header.rowBytes();
            if (bytes > Integer.MAX_VALUE) {
                throw new BadInput(path.getFileName() + ": " + rows + " rows of array '" + name + "' take " + bytes
                        + " bytes, but at most 2 GB can be read at once: use a smaller batch");
            }
            try {
                var data = in.readNBytes((int) bytes);
                if (data.length < bytes || last && in.read() >= 0) {
                    throw new BadInput(path.getFileName() + ": array '" + name
                            + "' does not have the size that its header declares");
                }
                return new Tensor(
                        header.type(),
                        shape,
                        ByteBuffer.allocateDirect(data.length).put(data));
            } catch (ZipException | EOFException e) {
                throw damaged(name, e);
            }
        }

        /** The bytes of an array without axes. */
        ByteBuffer scalar() throws IOException {
            var data = in.readNBytes(Math.toIntExact(header.rowBytes()));
            if (data.length < header.rowBytes() || in.read() >= 0) {
                throw new BadInput(
                        path.getFileName() + ": array '" + name + "' does not have the size that its header declares");
            }
            return ByteBuffer.allocateDirect(data.length).put(data);
        }

        @Override
        public void close() throws IOException {
            in.close();
        }
    }

    private BadInput damaged(String name, IOException cause) {
        return new BadInput(
                path.getFileName() + ": array '" + name + "' is damaged (" + cause.getMessage() + ")", cause);
    }

    /** Writes arrays as an uncompressed {@code .npz}: trained floats hardly shrink, and deflating takes longer than storing. */
    public static void write(Path path, Map<String, Tensor> arrays) throws IOException {
        try (var zip = new ZipOutputStream(new BufferedOutputStream(Files.newOutputStream(path), BUFFER))) {
            zip.setLevel(Deflater.NO_COMPRESSION);
            for (var array : arrays.entrySet()) {
                begin(zip, array.getKey(), NpyHeader.of(array.getValue()));
                var bytes = new byte[array.getValue().data().remaining()];
                array.getValue().data().get(bytes);
                zip.write(bytes);
            }
        }
    }

    /** Begins an array, whose values must follow; entries have no time, so that the same arrays give the same bytes. */
    static void begin(ZipOutputStream zip, String name, NpyHeader header) throws IOException {
        var entry = new ZipEntry(name + ".npy");
        entry.setTime(0);
        zip.putNextEntry(entry);
        zip.write(header.toBytes());
    }

    @Override
    public void close() throws IOException {
        zip.close();
    }
}
