package dev.quantline.onnx.runtime;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Tensors kept until this is closed: in memory up to the limit of {@link Spilling}, the others in a file. */
public final class Spill implements AutoCloseable {
    private final Spilling spilling;
    private Path file;
    private FileChannel channel;
    private long left;
    private long end;

    /** Empty, without a file. */
    public Spill(Spilling spilling) {
        this.spilling = spilling;
        left = spilling.memory();
    }

    /** A stored tensor. */
    public sealed interface Kept {
        /** The whole tensor, which must not be modified. */
        Tensor tensor();

        /** Reads bytes starting at {@code from}, as many as {@code into} has room for. */
        void read(long from, ByteBuffer into);
    }

    private record InMemory(Tensor tensor) implements Kept {
        @Override
        public void read(long from, ByteBuffer into) {
            into.put(tensor.data().slice(Math.toIntExact(from), into.remaining()));
        }
    }

    private record InFile(Spill spill, DataType type, long[] shape, long offset) implements Kept {
        @Override
        public Tensor tensor() {
            var tensor = Tensor.zeros(type, shape);
            read(0, tensor.data());
            return tensor;
        }

        @Override
        public void read(long from, ByteBuffer into) {
            spill.read(offset + from, into);
        }
    }

    /** Stores a tensor, which must not be modified afterwards. */
    public Kept keep(Tensor tensor) {
        long bytes = tensor.data().remaining();
        if (bytes <= left) {
            left -= bytes;
            return new InMemory(tensor);
        }
        var kept = new InFile(this, tensor.type(), tensor.shape(), end);
        write(tensor.data());
        return kept;
    }

    private void write(ByteBuffer data) {
        try {
            if (channel == null) {
                file = Files.createTempFile(spilling.folder(), "activations", ".bin");
                channel = FileChannel.open(
                        file, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.DELETE_ON_CLOSE);
            }
            while (data.hasRemaining()) {
                end += channel.write(data, end);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("activations cannot be spilled to " + spilling.folder(), e);
        }
    }

    private void read(long offset, ByteBuffer into) {
        try {
            for (long at = offset; into.hasRemaining(); ) {
                int count = channel.read(into, at);
                if (count < 0) {
                    throw new IOException("the file is truncated");
                }
                at += count;
            }
        } catch (IOException e) {
            throw new UncheckedIOException("activations cannot be read from " + file, e);
        }
    }

    @Override
    public void close() {
        try {
            if (channel != null) {
                channel.close();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
