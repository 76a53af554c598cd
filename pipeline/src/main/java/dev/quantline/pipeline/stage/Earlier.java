package dev.quantline.pipeline.stage;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.pipeline.event.Event.Seconds;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.store.StoredFile;
import dev.quantline.quantize.settings.Hashes;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

/** What the stages before this one left. */
public record Earlier(Map<StageName, Manifest> manifests) {
    /** A file of an earlier stage as an input of this one; a model brings its external data, {@code name.data}. */
    public Source file(StageName stage, String name) {
        var files = of(stage).files();
        if (!files.containsKey(name)) {
            throw new IllegalArgumentException(stage.verb() + " left no " + name);
        }
        return new Source.Made(Stream.of(name, name + ".data")
                .map(files::get)
                .filter(Objects::nonNull)
                .toList());
    }

    /** Whether an earlier stage left a file. */
    public boolean left(StageName stage, String name) {
        return of(stage).files().containsKey(name);
    }

    /** What an earlier stage was given, as an input of this one; refused when it was replaced meanwhile. */
    public Source input(StageName stage, String name) {
        return new Source.Made(of(stage).inputs().get(name));
    }

    /** SHA-256 of what an earlier stage was given: of the file, or of the hashes of several. */
    public String inputHash(StageName stage, String name) {
        return Hashes.ofAll(
                of(stage).inputs().get(name).stream().map(StoredFile::sha256).toList());
    }

    public JsonNode summary(StageName stage) {
        return of(stage).summary();
    }

    public Seconds seconds(StageName stage) {
        return of(stage).seconds();
    }

    private Manifest of(StageName stage) {
        var manifest = manifests.get(stage);
        if (manifest == null) {
            throw new IllegalArgumentException("no earlier stage: " + stage.verb());
        }
        return manifest;
    }
}
