package dev.quantline.pipeline.stage;

import dev.quantline.pipeline.store.StoredFile;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/** Puts results into the store, those that are ready early while the stage goes on computing. */
final class Uploads implements AutoCloseable {
    private final Tools tools;
    private final Workplace place;
    private final String folder;
    private final Map<Path, FutureTask<StoredFile>> early = new HashMap<>();

    Uploads(Tools tools, Workplace place, String folder) {
        this.tools = tools;
        this.place = place;
        this.folder = folder;
    }

    /** Begins storing a file of the outcome. */
    void begin(Path file) {
        var upload = new FutureTask<>(() -> put(folder, file.getFileName().toString(), file));
        early.put(file, upload);
        Thread.ofVirtual().start(upload);
    }

    /** Stores what is new and waits for what was begun; a file that came from the store is named where it is. */
    Map<String, StoredFile> finish(Map<String, Path> files) {
        return finish(folder, files);
    }

    /** The same for files that belong in another folder, of which none was begun. */
    Map<String, StoredFile> finish(String otherFolder, Map<String, Path> files) {
        var stored = new TreeMap<String, StoredFile>();
        files.forEach((name, file) -> stored.put(name, place.origin(file).orElseGet(() ->
                early.containsKey(file) ? await(early.get(file)) : put(otherFolder, name, file))));
        return stored;
    }

    /** Waits until nothing is read from the work folder any more. */
    @Override
    public void close() {
        for (var upload : early.values()) {
            try {
                await(upload);
            } catch (RuntimeException toldByFinishOrNotNeeded) {
                continue;
            }
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
