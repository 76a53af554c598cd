package dev.quantline.pipeline.stage;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.Event.Seconds;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.ObjectRef;
import dev.quantline.pipeline.store.StoredFile;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Says that a stage is done and from which inputs; the last object that a stage writes.
 *
 * @param hash     over version, settings and the hashes of the inputs
 * @param previous the manifest of the stage before
 * @param files    the results by name
 * @param version  of the project
 */
public record Manifest(
        String job,
        StageName stage,
        String hash,
        Optional<ObjectRef> previous,
        Map<String, List<StoredFile>> inputs,
        JsonNode settings,
        Map<String, StoredFile> files,
        JsonNode summary,
        Seconds seconds,
        String version) {

    Event.Completed event(ObjectRef self) {
        var results = new TreeMap<String, ObjectRef>();
        files.forEach((name, file) -> results.put(name, file.ref()));
        return new Event.Completed(job, stage, self, results, summary, seconds);
    }
}
