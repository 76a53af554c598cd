package dev.quantline.pipeline.stage;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;

/**
 * This process' folder for work in progress, below one that several processes share. Whoever comes next deletes what those left that were
 * killed: a folder is in use as long as a process holds the lock of its file.
 */
public final class Scratch implements AutoCloseable {
    private static final String LOCK = "in-use";

    private final Path folder;
    private final FileChannel channel;

    private Scratch(Path folder, FileChannel channel) {
        this.folder = folder;
        this.channel = channel;
    }

    /** Makes a folder, absolute as children know no other, and deletes those of processes that are gone. */
    public static Scratch open(Path shared) {
        try {
            Files.createDirectories(shared);
            deleteAbandoned(shared);
            var folder = Files.createTempDirectory(shared.toAbsolutePath().normalize(), "service");
            var channel = FileChannel.open(folder.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            channel.lock();
            return new Scratch(folder, channel);
        } catch (IOException e) {
            throw new UncheckedIOException("no work folder can be made in " + shared, e);
        }
    }

    public Path folder() {
        return folder;
    }

    @Override
    public void close() {
        try {
            channel.close();
            delete(folder);
        } catch (IOException e) {
            throw new UncheckedIOException("the work folder cannot be deleted: " + folder, e);
        }
    }

    private static void deleteAbandoned(Path shared) throws IOException {
        try (var folders = Files.newDirectoryStream(shared, "service*")) {
            for (var folder : folders) {
                if (isAbandoned(folder)) {
                    delete(folder);
                }
            }
        }
    }

    private static boolean isAbandoned(Path folder) {
        try (var channel = FileChannel.open(folder.resolve(LOCK), StandardOpenOption.WRITE);
                FileLock lock = channel.tryLock()) {
            return lock != null;
        } catch (IOException | IllegalStateException beingMadeOrOurs) {
            return false;
        }
    }

    /** Deletes a folder with all that is in it; what disappears meanwhile is fine. */
    public static void delete(Path folder) throws IOException {
        try (var all = Files.walk(folder)) {
            for (var path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        }
    }
}
