package dev.quantline.onnx.runtime;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.function.Consumer;

/** The arrays of an {@code .npz} file without regard to a model; only one piece of one array is in memory at a time. */
public final class NpzArrays implements AutoCloseable {
    /** Bytes of a piece, unless one row takes more. */
    private static final int PIECE = 4 << 20;

    private final Npz npz;

    private NpzArrays(Npz npz) {
        this.npz = npz;
    }

    /**
     * The header of an array.
     *
     * @param shape sizes of the axes, samples first; empty for a scalar
     */
    public record Header(String name, DataType type, long[] shape) {
        public Header {
            shape = shape.clone();
        }

        @Override
        public long[] shape() {
            return shape.clone();
        }

        /** Number of axes. */
        public int rank() {
            return shape.length;
        }

        /** Length of the first axis; 0 for a scalar. */
        public int rows() {
            return shape.length == 0 ? 0 : Math.toIntExact(shape[0]);
        }
    }

    /**
     * Opens a file.
     *
     * @throws dev.quantline.onnx.BadInput naming the file and the array if it is not a readable {@code .npz}
     */
    public static NpzArrays open(Path file) throws IOException {
        return new NpzArrays(Npz.open(file));
    }

    /** Headers of all arrays, in file order. */
    public List<Header> list() {
        return npz.headers().entrySet().stream()
                .map(entry -> new Header(
                        entry.getKey(),
                        entry.getValue().type(),
                        entry.getValue().shape()))
                .toList();
    }

    /**
     * Passes on the rows {@code [rows, ...]} of an array in order, a piece at a time; none for a scalar.
     *
     * @throws dev.quantline.onnx.BadInput if the array is damaged
     */
    public void forEachPiece(String name, Consumer<Tensor> action) throws IOException {
        var header = header(name);
        long rowBytes = Math.max(1, npz.headers().get(name).rowBytes());
        int most = (int) Math.clamp(PIECE / rowBytes, 1, Integer.MAX_VALUE);
        try (var rows = npz.rows(name)) {
            for (int at = 0; at < header.rows(); at += most) {
                int count = Math.min(most, header.rows() - at);
                action.accept(rows.next(count, at + count == header.rows()));
            }
        }
    }

    /** The first rows of an array, at most {@code count}. */
    public Tensor first(String name, int count) throws IOException {
        var header = header(name);
        try (var rows = npz.rows(name)) {
            return rows.next(Math.min(count, header.rows()), count >= header.rows());
        }
    }

    private Header header(String name) {
        return list().stream()
                .filter(header -> header.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new NoSuchElementException("no array '" + name + "'"));
    }

    @Override
    public void close() throws IOException {
        npz.close();
    }
}
