package dev.quantline.pipeline.stage;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.pipeline.event.Event.Seconds;
import dev.quantline.pipeline.event.StageName;
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
        return new Source.Made(Stream.of(name, name + ".data").map(files::get).filter(Objects::nonNull).toList());
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
