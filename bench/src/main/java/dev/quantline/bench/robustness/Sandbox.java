package dev.quantline.bench.robustness;

import dev.quantline.onnx.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * A folder for one input at a time, beside a file that nobody may touch: the canary. Inside lie the data of external tensors and
 * a link to the canary; what is read of the canary is known by its bytes, what is written by the names and bytes that are there.
 */
final class Sandbox implements AutoCloseable {
    /** Bytes of {@code tensors.data}, of which models may take any part. */
    private static final int DATA = 1 << 14;

    static final String CANARY = "canary.data";
    static final String TENSORS = "tensors.data";
    static final String LINK = "link.data";

    private static final String SONG = "canary! ";
    private static final byte[] SUNG = SONG.repeat(512).getBytes(StandardCharsets.US_ASCII);

    private final Path root;
    private final Path inside;

    private Sandbox(Path root) {
        this.root = root;
        inside = root.resolve("inside");
    }

    static Sandbox open() throws IOException {
        var sandbox = new Sandbox(Files.createTempDirectory("sandbox"));
        Files.createDirectory(sandbox.inside);
        Files.write(sandbox.root.resolve(CANARY), SUNG);
        Files.write(sandbox.inside.resolve(TENSORS), new byte[DATA]);
        Files.createSymbolicLink(sandbox.inside.resolve(LINK), Path.of("..", CANARY));
        return sandbox;
    }

    /** Writes a new file into the folder: what was mapped of one before stays what it was. */
    Path write(String name, byte[] bytes) throws IOException {
        var file = inside.resolve(name);
        Files.deleteIfExists(file);
        return Files.write(file, bytes);
    }

    /** @throws Escape when the tensor holds what the canary sings */
    static void refuseCanary(String name, Tensor tensor) {
        var data = tensor.data();
        int length = SONG.length();
        for (int at = 0; at + 2 * length <= data.limit(); at += length) {
            var part = new byte[2 * length];
            data.get(at, part);
            if ((SONG.repeat(3)).contains(new String(part, StandardCharsets.ISO_8859_1))) {
                throw new Escape("tensor '" + name + "' was read from " + CANARY + ", outside of the folder");
            }
        }
    }

    /** @throws Escape when a file outside of the folder is new, gone or changed */
    void check() throws IOException {
        if (!names().equals(Set.of(CANARY, inside.getFileName().toString()))
                || !Arrays.equals(SUNG, Files.readAllBytes(root.resolve(CANARY)))) {
            throw new Escape("outside of the folder, " + names() + " are not what they were");
        }
    }

    private Set<String> names() throws IOException {
        try (var files = Files.list(root)) {
            return files.map(file -> file.getFileName().toString()).collect(Collectors.toCollection(TreeSet::new));
        }
    }

    /** Something left the folder. */
    static final class Escape extends RuntimeException {
        Escape(String message) {
            super(message);
        }
    }

    @Override
    public void close() throws IOException {
        try (var files = Files.walk(root)) {
            files.sorted(Comparator.reverseOrder()).forEach(Sandbox::delete);
        }
    }

    private static void delete(Path file) {
        try {
            Files.delete(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
