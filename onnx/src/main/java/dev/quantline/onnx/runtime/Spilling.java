package dev.quantline.onnx.runtime;

import dev.quantline.onnx.BadInput;
import java.nio.file.Path;

/**
 * Where activations are kept for later.
 *
 * @param folder for those that do not fit in memory
 * @param memory bytes that may stay in memory, in total for one search or walk; results do not depend on it
 */
public record Spilling(Path folder, long memory) {
    /** Default number of bytes in memory. */
    public static final long MEMORY = 512L << 20;

    public Spilling {
        if (memory < 0) {
            throw new BadInput("activations cannot be kept in " + memory + " bytes of memory: give 0 or more");
        }
    }

    /** The folder for temporary files and {@link #MEMORY}. */
    public static Spilling usual() {
        return new Spilling(Path.of(System.getProperty("java.io.tmpdir")), MEMORY);
    }

    /** For one of several users that keep tensors at the same time. */
    public Spilling share(int users) {
        return new Spilling(folder, memory / users);
    }

    /** Everything in a file in this folder. */
    public static Spilling all(Path folder) {
        return new Spilling(folder, 0);
    }
}
