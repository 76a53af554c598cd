package dev.quantline.pipeline.stage;

import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.pipeline.job.ObjectRef;
import dev.quantline.pipeline.store.Store;
import dev.quantline.pipeline.store.StoredFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.LongConsumer;

/** A local folder for one handling: inputs come in, results go out, everything is deleted at the end. */
final class WorkDirectory implements AutoCloseable {
    private final Path folder;
    private final Store store;
    private final LongConsumer downloaded;
    private final Map<Path, StoredFile> origins = new HashMap<>();

    WorkDirectory(Path scratch, Store store, LongConsumer downloaded) {
        this.store = store;
        this.downloaded = downloaded;
        try {
            this.folder = Files.createTempDirectory(Files.createDirectories(scratch), "work");
        } catch (IOException e) {
            throw new UncheckedIOException("no work folder can be made in " + scratch, e);
        }
    }

    /** An empty folder. */
    Path empty(String name) {
        try {
            return Files.createDirectories(folder.resolve(name));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Room for activations, with a limit on the bytes in memory. */
    Spilling spilling(long memory) {
        return new Spilling(empty("activations"), memory);
    }

    /** Fetches the sources and returns what they were. */
    Map<String, List<StoredFile>> fetch(Map<String, Source> sources) {
        var fetched = new TreeMap<String, List<StoredFile>>();
        sources.forEach((name, source) -> fetched.put(
                name,
                switch (source) {
                    case Source.Made made -> {
                        fetchKnown(Map.of(name, made.files()));
                        yield made.files();
                    }
                    case Source.Given given -> given(name, given.ref());
                }));
        return fetched;
    }

    /** Fetches known contents, as {@link #fetch} found them. */
    void fetchKnown(Map<String, List<StoredFile>> inputs) {
        local(inputs).forEach((name, targets) -> {
            for (int i = 0; i < targets.size(); i++) {
                made(inputs.get(name).get(i), targets.get(i));
            }
        });
    }

    /** Where {@link #fetch} and {@link #fetchKnown} put the files. */
    Map<String, List<Path>> local(Map<String, List<StoredFile>> inputs) {
        var local = new TreeMap<String, List<Path>>();
        inputs.forEach((name, files) -> local.put(
                name,
                files.stream()
                        .map(file -> target(name, files.getFirst().ref(), file.ref()))
                        .toList()));
        return local;
    }

    /** Fetches a part's files into one folder, under the names the stage gave them. */
    Path fetchPart(String name, Map<String, StoredFile> files) {
        var target = empty(name);
        files.forEach((file, stored) -> made(stored, target.resolve(file)));
        return target;
    }

    /** What the store holds already of a file that was brought in: it need not be stored again. */
    Optional<StoredFile> origin(Path file) {
        return Optional.ofNullable(origins.get(file));
    }

    @Override
    public void close() {
        try {
            Scratch.delete(folder);
        } catch (IOException e) {
            throw new UncheckedIOException("the work folder cannot be deleted: " + folder, e);
        }
    }

    /** What a user gave: the object or all .npz below it, and beside a model the external data it names. */
    private List<StoredFile> given(String input, ObjectRef ref) {
        var files = new ArrayList<StoredFile>();
        store.resolve(ref).forEach(object -> files.add(given(object, target(input, object, object))));
        if (ref.key().endsWith(".onnx")) {
            externalData(target(input, ref, ref))
                    .forEach(name -> files.add(given(ref.beside(name), target(input, ref, ref.beside(name)))));
        }
        return List.copyOf(files);
    }

    private static Set<String> externalData(Path model) {
        try {
            return ModelFile.externalNames(model);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private StoredFile given(ObjectRef ref, Path target) {
        var file = store.fetch(ref, target, downloaded);
        origins.put(target, file);
        return file;
    }

    private void made(StoredFile file, Path target) {
        store.fetch(file, target, downloaded);
        origins.put(target, file);
    }

    /** Below the first file's folder files lie as they do in the store: a model names its external data so. */
    private Path target(String input, ObjectRef first, ObjectRef ref) {
        var prefix = first.key().substring(0, first.key().lastIndexOf('/') + 1);
        var below = ref.bucket().equals(first.bucket()) && ref.key().startsWith(prefix);
        return folder.resolve("inputs")
                .resolve(input)
                .resolve(below ? ref.key().substring(prefix.length()) : ref.name());
    }
}
