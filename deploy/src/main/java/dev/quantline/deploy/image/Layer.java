package dev.quantline.deploy.image;

import com.google.cloud.tools.jib.api.buildplan.AbsoluteUnixPath;
import com.google.cloud.tools.jib.api.buildplan.FileEntriesLayer;
import com.google.cloud.tools.jib.api.buildplan.FilePermissions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Files of an image that change together.
 *
 * @param name  for people
 * @param files where each lies on this machine, by its path in the image, {@code /app/quarkus-run.jar}; or a folder, which is empty there
 */
record Layer(String name, SortedMap<String, Path> files) {
    private static final Instant TIME = Instant.parse("2020-01-01T00:00:00Z");
    private static final FilePermissions PROGRAM = FilePermissions.fromOctalString("755");
    private static final FilePermissions FILE = FilePermissions.fromOctalString("644");
    private static final FilePermissions ANYONES_FOLDER = FilePermissions.fromOctalString("777");

    /** All files of a folder below a path of the image; links become what they lead to. */
    static Layer of(String name, Path folder, String path) throws IOException {
        var files = new TreeMap<String, Path>();
        try (Stream<Path> walk = Files.walk(folder)) {
            walk.filter(Files::isRegularFile).forEach(file -> files.put(path + "/" + folder.relativize(file), file));
        }
        return new Layer(name, files);
    }

    /**
     * The layers of an application, those that change least first: third-party libraries that all applications have, so that a node stores
     * them once; the others; and what is ours. One may be empty.
     *
     * @param application its files by their paths in the image
     * @param all         the same of every application; what is shared is the same file on this machine
     */
    static Stream<Layer> ofApplication(SortedMap<String, Path> application, Iterable<? extends Map<String, Path>> all) {
        var shared = new Layer("libraries of all", new TreeMap<>());
        var libraries = new Layer("more libraries", new TreeMap<>());
        var ours = new Layer("application", new TreeMap<>());
        application.forEach((path, file) -> {
            boolean library = path.contains("/lib/") && !path.contains("/dev.quantline.");
            (!library ? ours : isIn(all, path, file) ? shared : libraries).files.put(path, file);
        });
        return Stream.of(shared, libraries, ours);
    }

    private static boolean isIn(Iterable<? extends Map<String, Path>> all, String path, Path file) {
        for (var other : all) {
            if (!file.equals(other.get(path))) {
                return false;
            }
        }
        return true;
    }

    /** Bytes of the files. */
    long bytes() throws IOException {
        long sum = 0;
        for (var file : files.values()) {
            sum += Files.isDirectory(file) ? 0 : Files.size(file);
        }
        return sum;
    }

    /** Times, owners and rights are the same wherever it is made. */
    FileEntriesLayer entries() {
        var layer = FileEntriesLayer.builder().setName(name);
        files.forEach((path, file) -> layer.addEntry(
                file,
                AbsoluteUnixPath.get(path),
                Files.isDirectory(file) ? ANYONES_FOLDER : Files.isExecutable(file) ? PROGRAM : FILE,
                TIME));
        return layer.build();
    }
}
