package dev.quantline.onnx.runtime;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;

/** The targets of samples, {@code [samples, ...]}, file by file and batch by batch: only the requested rows are in memory. */
public final class Targets implements AutoCloseable {
    private final List<Npz> files;
    private final String name;
    private final long tokens;
    private int file;
    /** The sample whose row is read next. */
    private long at;
    /** The sample after the last one of the open file. */
    private long end;

    private Npz.Rows rows;

    /** @param tokens sequence length in the data, padding included; negative if there are no sequences */
    Targets(List<Npz> files, String name, long tokens) {
        this.files = files;
        this.name = name;
        this.tokens = tokens;
    }

    /**
     * The rows of a batch, which comes after those that were asked for before.
     *
     * @throws BadInput if there are not enough
     */
    public Tensor of(Dataset.Batch batch) {
        try {
            while (batch.first() >= end) {
                close();
                if (file == files.size()) {
                    throw tooFew();
                }
                at = end;
                end += files.get(file).headers().get(name).rows();
                rows = files.get(file++).rows(name);
            }
            if (batch.first() < at) {
                throw new IllegalStateException(
                        "the targets of sample " + batch.first() + " come before those of " + at);
            }
            if (batch.first() + batch.size() > end) {
                throw tooFew();
            }
            rows.skip(batch.first() - at);
            at = batch.first() + batch.size();
            return rows.next(batch.size(), at == end);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private BadInput tooFew() {
        return new BadInput("array '" + name + "' has fewer rows than there are samples");
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
