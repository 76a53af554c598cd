package dev.quantline.pipeline.store;

import dev.quantline.quantize.settings.Hashes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * Contents by their SHA-256 in one folder, limited in bytes; the least recently used are deleted first. Files are handed out as links,
 * so a deleted one lives on where it is in use. Several processes may share the folder: a content appears by an atomic rename, and
 * names never change their content.
 */
final class ContentCache {
    private record Cached(Path file, long bytes, Instant used) {}

    private static final int HASH_DIGITS = 64;

    private final Path contents;
    private final Path names;
    private final long limit;

    ContentCache(Path folder, long limit) throws IOException {
        this.contents = Files.createDirectories(folder.resolve("contents"));
        this.names = Files.createDirectories(folder.resolve("names"));
        this.limit = limit;
    }

    /** A file on the cache's file system for a content on its way in. */
    Path incoming() throws IOException {
        // Not createTempFile: what is handed out is a link to it, and users share models.
        return Files.createFile(contents.resolve("incoming" + UUID.randomUUID()));
    }

    /** The content known under a name, a version of an object for instance; empty too where a kill left half a note. */
    Optional<String> hashOf(String name) throws IOException {
        try {
            return Optional.of(Files.readString(names.resolve(Hashes.of(name.getBytes()))))
                    .filter(hash -> hash.length() == HASH_DIGITS);
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    void name(String name, String hash) throws IOException {
        Files.writeString(names.resolve(Hashes.of(name.getBytes())), hash);
    }

    /** Takes the file over. */
    void adopt(Path incoming, String hash) throws IOException {
        Files.move(
                incoming, contents.resolve(hash), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        evict();
    }

    /** Keeps a link to, or a copy of, a file that will not be written to any more. */
    void keep(Path file, String hash) throws IOException {
        if (!Files.exists(contents.resolve(hash))) {
            var copy = incoming();
            linkOrCopy(file, copy);
            adopt(copy, hash);
        }
    }

    /** Puts the content at the target and returns whether the cache had it. */
    boolean take(String hash, Path target) throws IOException {
        var cached = contents.resolve(hash);
        try {
            // Not the time of writing: that is also the time of other links, by which their owners see that nobody
            // wrote to them.
            times(cached).setTimes(null, FileTime.from(Instant.now()), null);
            linkOrCopy(cached, target);
            return true;
        } catch (NoSuchFileException e) {
            return false;
        }
    }

    private static BasicFileAttributeView times(Path file) {
        return Files.getFileAttributeView(file, BasicFileAttributeView.class);
    }

    private static void linkOrCopy(Path from, Path to) throws IOException {
        Files.createDirectories(to.getParent());
        Files.deleteIfExists(to);
        try {
            Files.createLink(to, from);
        } catch (NoSuchFileException e) {
            throw e;
        } catch (IOException | UnsupportedOperationException anotherFileSystem) {
            Files.copy(from, to);
        }
    }

    private synchronized void evict() throws IOException {
        var cached = new ArrayList<>(cached());
        cached.sort(Comparator.comparing(Cached::used));
        var total = cached.stream().mapToLong(Cached::bytes).sum();
        for (var oldest : cached) {
            if (total <= limit) {
                return;
            }
            Files.deleteIfExists(oldest.file());
            total -= oldest.bytes();
        }
    }

    private List<Cached> cached() throws IOException {
        try (var files = Files.list(contents)) {
            return files.filter(file -> !file.getFileName().toString().startsWith("incoming"))
                    .map(file -> {
                        try {
                            return new Cached(
                                    file,
                                    Files.size(file),
                                    times(file)
                                            .readAttributes()
                                            .lastAccessTime()
                                            .toInstant());
                        } catch (IOException deletedMeanwhile) {
                            return new Cached(file, 0, Instant.MAX);
                        }
                    })
                    .toList();
        }
    }
}
