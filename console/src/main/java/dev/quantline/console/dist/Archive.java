package dev.quantline.console.dist;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;

/** A {@code .tar.gz} whose bytes depend on names and contents alone: names are sorted, times, owners and rights are the same everywhere. */
final class Archive {
    /** The time of every file: the oldest that jars can express. */
    static final Instant TIME = Instant.parse("2020-01-01T00:00:00Z");

    private static final int BUFFER = 1 << 16;
    private static final int PROGRAM = 0755;
    private static final int FILE = 0644;

    private Archive() {}

    /** Writes all of a folder, under its name; the file appears whole, or not at all. */
    static void write(Path folder, Path file) throws IOException {
        var part = file.resolveSibling(file.getFileName() + ".part");
        List<Path> paths;
        try (var walk = Files.walk(folder)) {
            paths = walk.sorted((a, b) -> name(folder, a).compareTo(name(folder, b)))
                    .toList();
        }
        try {
            try (var tar = new TarArchiveOutputStream(new GZIPOutputStream(Files.newOutputStream(part), BUFFER))) {
                tar.setLongFileMode(TarArchiveOutputStream.LONGFILE_POSIX);
                for (var path : paths) {
                    add(tar, name(folder, path), path);
                }
            }
            Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(part);
        }
    }

    private static String name(Path folder, Path path) {
        return folder.getParent().relativize(path).toString();
    }

    private static void add(TarArchiveOutputStream tar, String name, Path path) throws IOException {
        boolean link = Files.isSymbolicLink(path);
        boolean directory = Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS);
        var entry = link
                ? new TarArchiveEntry(name, TarConstants.LF_SYMLINK)
                : new TarArchiveEntry(directory ? name + "/" : name);
        entry.setModTime(TIME.toEpochMilli());
        entry.setMode(directory || Files.isExecutable(path) ? PROGRAM : FILE);
        if (link) {
            entry.setLinkName(Files.readSymbolicLink(path).toString());
        } else if (!directory) {
            entry.setSize(Files.size(path));
        }
        tar.putArchiveEntry(entry);
        if (!link && !directory) {
            Files.copy(path, tar);
        }
        tar.closeArchiveEntry();
    }
}
