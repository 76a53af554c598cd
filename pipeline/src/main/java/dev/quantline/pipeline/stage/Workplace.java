package dev.quantline.pipeline.stage;

import dev.quantline.pipeline.job.ObjectRef;
import dev.quantline.pipeline.store.Store;
import dev.quantline.pipeline.store.StoredFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.LongConsumer;
import java.util.stream.Stream;

/** A local folder for one handling: inputs come in, results go out, everything is deleted at the end. */
final class Workplace implements AutoCloseable {
    /** How exporters name the file of a model's external tensors: after the model. */
    private static final List<String> EXTERNAL = List.of(".data", "_data");

    private final Path folder;
    private final Store store;
    private final LongConsumer downloaded;
    private final Map<Path, StoredFile> origins = new HashMap<>();

    Workplace(Path scratch, Store store, LongConsumer downloaded) {
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

    /** Brings the sources in and says what they were. */
    Map<String, List<StoredFile>> fetch(Map<String, Source> sources) {
        var fetched = new TreeMap<String, List<StoredFile>>();
        sources.forEach((name, source) -> fetched.put(name, switch (source) {
            case Source.Made made -> {
                fetchKnown(Map.of(name, made.files()));
                yield made.files();
            }
            case Source.Given given -> objects(given.ref()).stream().map(ref -> given(name, ref)).toList();
        }));
        return fetched;
    }

    /** Brings known contents in, as {@link #fetch} found them. */
    void fetchKnown(Map<String, List<StoredFile>> inputs) {
        inputs.forEach((name, files) -> files.forEach(file -> made(file, target(name, file.ref()))));
    }

    /** Where {@link #fetch} and {@link #fetchKnown} put the files. */
    Map<String, List<Path>> local(Map<String, List<StoredFile>> inputs) {
        var local = new TreeMap<String, List<Path>>();
        inputs.forEach((name, files) ->
                local.put(name, files.stream().map(file -> target(name, file.ref())).toList()));
        return local;
    }

    /** Brings a part's files into one folder, under the names the stage gave them. */
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
        try (Stream<Path> all = Files.walk(folder)) {
            for (var path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("the work folder cannot be deleted: " + folder, e);
        }
    }

    private StoredFile given(String input, ObjectRef ref) {
        var file = store.fetch(ref, target(input, ref), downloaded);
        origins.put(target(input, ref), file);
        return file;
    }

    private void made(StoredFile file, Path target) {
        store.fetch(file, target, downloaded);
        origins.put(target, file);
    }

    private List<ObjectRef> objects(ObjectRef ref) {
        var objects = new ArrayList<>(store.resolve(ref));
        if (ref.key().endsWith(".onnx")) {
            EXTERNAL.stream().map(suffix -> new ObjectRef(ref.bucket(), ref.key() + suffix)).filter(store::exists)
                    .forEach(objects::add);
        }
        return objects;
    }

    private Path target(String input, ObjectRef ref) {
        return folder.resolve("inputs").resolve(input).resolve(ref.name());
    }
}
