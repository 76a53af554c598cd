package dev.quantline.onnx.runtime;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;

/** A cursor over the targets of samples, {@code [samples, ...]}, file by file: only the requested rows are in memory. */
public final class Targets implements AutoCloseable {
    private final List<Npz> files;
    private final String name;
    private final long tokens;
    private int file;
    private long left;
    private Npz.Rows rows;

    /** @param tokens sequence length in the data, padding included; negative if there are no sequences */
    Targets(List<Npz> files, String name, long tokens) {
        this.files = files;
        this.name = name;
        this.tokens = tokens;
    }

    /**
     * The next rows, which must be in one file, as the batches of {@link Dataset#forEachBatch} are.
     *
     * @throws BadInput if there are not enough
     */
    public Tensor next(int count) {
        try {
            while (rows == null || left == 0) {
                close();
                if (file == files.size()) {
                    throw new BadInput("array '" + name + "' has fewer rows than there are samples");
                }
                left = files.get(file).headers().get(name).rows();
                rows = files.get(file++).rows(name);
            }
            left -= count;
            if (left < 0) {
                throw new BadInput("array '" + name + "' has fewer rows than there are samples");
            }
            return rows.next(count, left == 0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * For rows with an entry per token, {@code [samples, tokens, ...]}, cuts off the trailing columns that this batch was fed
     * without, since they are padding in all of its samples; other rows are returned unchanged.
     */
    public Tensor trimmed(Tensor rows, Dataset.Batch fed) {
        var mask = fed.arrays().get(Samples.MASK);
        return mask == null || mask.rank() != 2 || rows.rank() < 2 || rows.dim(1) != tokens
                ? rows
                : Padding.columns(rows, mask.dim(1));
    }

    @Override
    public void close() {
        try {
            if (rows != null) {
                rows.close();
                rows = null;
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
