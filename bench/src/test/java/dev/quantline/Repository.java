package dev.quantline;

import dev.quantline.fixture.Checkout;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** The files of this project. */
final class Repository {
    private static final Set<String> MADE_BY_TOOLS =
            Set.of(".git", "target", "out", ".quantline", ".idea", ".vscode", "shared");

    private Repository() {}

    /** Files that are tracked or about to be; without git, all that no tool made. Relative to the root, in order. */
    static List<Path> files() {
        var root = Checkout.root();
        try {
            var git = new ProcessBuilder("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
                    .directory(root.toFile())
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            var names = new String(git.getInputStream().readAllBytes(), StandardCharsets.UTF_8).split("\0");
            if (git.waitFor() == 0) {
                return Stream.of(names)
                        .map(Path::of)
                        .filter(file -> Files.isRegularFile(root.resolve(file)))
                        .sorted()
                        .toList();
            }
        } catch (IOException e) {
            return walk(root);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        return walk(root);
    }

    private static List<Path> walk(Path root) {
        try (var files = Files.walk(root)) {
            return files.filter(Files::isRegularFile)
                    .map(root::relativize)
                    .filter(file -> Stream.iterate(file, part -> part != null, Path::getParent)
                            .noneMatch(part ->
                                    MADE_BY_TOOLS.contains(part.getFileName().toString())))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Lines of a text file; none for binary ones. */
    static List<String> lines(Path file) {
        try {
            var bytes = Files.readAllBytes(Checkout.root().resolve(file));
            for (byte value : bytes) {
                if (value == 0) {
                    return List.of();
                }
            }
            return new String(bytes, StandardCharsets.UTF_8).lines().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
