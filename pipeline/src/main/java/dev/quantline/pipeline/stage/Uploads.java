package dev.quantline.pipeline.stage;

import dev.quantline.pipeline.store.StoredFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/** Puts results into the store, early ones while the stage is still computing. */
final class Uploads implements AutoCloseable {
    private final StageDependencies tools;
    private final WorkDirectory place;
    private final String folder;
    private final Map<Path, Begun> early = new HashMap<>();

    /** An upload under way, and what the file was when it began. */
    private record Begun(FutureTask<StoredFile> upload, long bytes, FileTime written) {
        boolean still(Path file) throws IOException {
            return Files.size(file) == bytes && Files.getLastModifiedTime(file).equals(written);
        }
    }

    Uploads(StageDependencies tools, WorkDirectory place, String folder) {
        this.tools = tools;
        this.place = place;
        this.folder = folder;
    }

    /** Begins storing a file of the outcome. */
    void begin(Path file) {
        try {
            var upload = new FutureTask<>(() -> put(folder, file.getFileName().toString(), file));
            early.put(file, new Begun(upload, Files.size(file), Files.getLastModifiedTime(file)));
            Thread.ofVirtual().start(upload);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Stores what is new and waits for what was begun; a file that came from the store is named where it is. */
    Map<String, StoredFile> finish(Map<String, Path> files) {
        return finish(folder, files);
    }

    /** The same for files that belong in another folder, of which none was begun. */
    Map<String, StoredFile> finish(String otherFolder, Map<String, Path> files) {
        long bytes = files.values().stream().mapToLong(Uploads::size).sum();
        if (bytes > JobLimit.ITEM_BYTES.value()) {
            throw new OverLimit("an item left " + bytes + " bytes", JobLimit.ITEM_BYTES);
        }
        var stored = new TreeMap<String, StoredFile>();
        files.forEach((name, file) -> stored.put(
                name, place.origin(file).orElseGet(() -> begun(file).orElseGet(() -> put(otherFolder, name, file)))));
        return stored;
    }

    private Optional<StoredFile> begun(Path file) {
        try {
            var begun = early.get(file);
            if (begun == null) {
                return Optional.empty();
            }
            if (!begun.still(file)) {
                throw new IllegalStateException(file.getFileName() + " changed after it was handed over");
            }
            return Optional.of(await(begun.upload()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Waits until nothing is read from the work folder any more. */
    @Override
    public void close() {
        for (var begun : early.values()) {
            try {
                await(begun.upload());
            } catch (RuntimeException toldByFinishOrNotNeeded) {
                continue;
            }
        }
    }

    private static long size(Path file) {
        try {
            return Files.size(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private StoredFile put(String target, String name, Path file) {
        var added = tools.store().putContent(target, name, file);
        tools.metrics().uploaded(added.bytes());
        return added;
    }

    private static StoredFile await(FutureTask<StoredFile> upload) {
        try {
            return upload.get();
        } catch (ExecutionException e) {
            throw e.getCause() instanceof RuntimeException failure ? failure : new CompletionException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CompletionException(e);
        }
    }
}
