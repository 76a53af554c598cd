package dev.quantline.bench.robustness;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Inputs that are kept, by target: what fuzzing starts from. Those whose names begin with {@code bad-} were found, or made, to be
 * refused; all others are accepted.
 */
final class Kept {
    private static final String BAD = "bad-";

    private Kept() {}

    /** The folder of a target. */
    static Path folder(Target target) {
        try {
            return Path.of(Kept.class.getResource(target.label()).toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    /** In the order of their names. */
    static List<Path> of(Target target) throws IOException {
        try (var files = Files.list(folder(target))) {
            return files.sorted().toList();
        }
    }

    /** Those that are accepted, to be made wrong. */
    static List<byte[]> good(Target target) throws IOException {
        var all = new ArrayList<byte[]>();
        for (var file : of(target)) {
            if (!isBad(file)) {
                all.add(Files.readAllBytes(file));
            }
        }
        return all;
    }

    static boolean isBad(Path file) {
        return file.getFileName().toString().startsWith(BAD);
    }
}
