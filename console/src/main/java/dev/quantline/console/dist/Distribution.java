package dev.quantline.console.dist;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.runtime.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;

/** An archive that runs where nothing is installed: launcher, Java runtime, console, and native libraries for this platform only. */
public final class Distribution {
    /** What the archive lays beside {@code bin} and {@code lib}. */
    private static final List<String> TEXTS = List.of("LICENSE", "NOTICE", "README.md", "CHANGELOG.md");

    private Distribution() {}

    /**
     * What was made.
     *
     * @param archive   the file
     * @param packed    its bytes
     * @param unpacked  bytes of the files in it
     * @param files     native libraries of other platforms that were left out
     * @param libraries how many jars had such
     */
    public record Result(Path archive, long packed, long unpacked, int files, int libraries) {}

    /**
     * Makes {@code quantline-VERSION-PLATFORM.tar.gz}. The same build and the same JDK give the same bytes.
     *
     * @param root a checkout whose console is built
     * @param out  receives the archive; created when missing
     * @throws BadInput when there is no checkout, the platform is not supported or the JDK cannot make runtimes
     */
    public static Result make(Path root, String version, Path out, Progress progress)
            throws IOException, InterruptedException {
        var app = root.resolve("console/target/quarkus-app");
        if (!Files.exists(app.resolve("quarkus-run.jar"))) {
            throw new BadInput("a distribution is made in a checkout, from the console that was built there; " + root
                    + " is not a checkout: run ./quantline dist in one");
        }
        var platform = Platform.current();
        var work = Files.createTempDirectory(Files.createDirectories(out), ".dist");
        try {
            var folder = Files.createDirectory(work.resolve("quantline-%s-%s".formatted(version, platform)));
            var lib = Files.createDirectory(folder.resolve("lib"));
            progress.report(0, "Java runtime");
            JavaRuntime.link(Path.of(System.getProperty("java.home")), lib.resolve("java"));
            progress.report(.4, "libraries");
            var slimmed = copyApp(app, lib.resolve("app"), platform);
            var scripts = root.resolve("console/src/main/sh");
            Files.copy(scripts.resolve("start.sh"), lib.resolve("start.sh"));
            Files.copy(
                    scripts.resolve("quantline"),
                    Files.createDirectory(folder.resolve("bin")).resolve("quantline"));
            for (var text : TEXTS) {
                Files.copy(root.resolve(text), folder.resolve(text));
            }
            progress.report(.6, "archive");
            var archive = out.resolve(folder.getFileName() + ".tar.gz");
            Archive.write(folder, archive);
            progress.report(1, "archive");
            return new Result(archive, Files.size(archive), bytes(folder), slimmed.files(), slimmed.libraries());
        } finally {
            delete(work);
        }
    }

    private static Slimmed copyApp(Path app, Path to, Platform platform) throws IOException {
        var slimmed = Slimmed.NOTHING;
        for (var path : walk(app)) {
            var copy = to.resolve(app.relativize(path));
            if (Files.isDirectory(path)) {
                Files.createDirectory(copy);
            } else if (path.toString().endsWith(".jar")) {
                slimmed = slimmed.and(Slimmed.copy(path, copy, platform));
            } else {
                Files.copy(path, copy);
            }
        }
        return slimmed;
    }

    private static long bytes(Path folder) throws IOException {
        long sum = 0;
        for (var path : walk(folder)) {
            sum += Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS) ? Files.size(path) : 0;
        }
        return sum;
    }

    /** Folders before what is in them. */
    private static List<Path> walk(Path folder) throws IOException {
        try (var paths = Files.walk(folder)) {
            return paths.sorted().toList();
        }
    }

    /** Deletes a folder with all that is in it. */
    public static void delete(Path folder) throws IOException {
        for (var path : walk(folder).stream().sorted(Comparator.reverseOrder()).toList()) {
            Files.delete(path);
        }
    }
}
