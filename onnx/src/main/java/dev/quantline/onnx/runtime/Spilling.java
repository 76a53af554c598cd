package dev.quantline.onnx.runtime;

import dev.quantline.onnx.BadInput;
import java.nio.file.Path;

/**
 * Where activations go that are kept for later.
 *
 * @param folder for those that do not fit into memory
 * @param memory bytes of them that may stay in memory, of all that one search or walk keeps; results do not depend on it
 */
public record Spilling(Path folder, long memory) {
    /** Bytes in memory where nobody says otherwise. */
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

    /** For one of several that keep tensors at the same time. */
    public Spilling share(int users) {
        return new Spilling(folder, memory / users);
    }

    /** Everything in a folder. */
    public static Spilling all(Path folder) {
        return new Spilling(folder, 0);
    }
}
