package dev.quantline.pipeline.stage;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.ObjectRef;
import dev.quantline.pipeline.store.StoredFile;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The work for one result of a stage; written once, before any of it starts.
 *
 * @param sinceMillis when the triggering event was published, milliseconds since the epoch
 * @param start       the time that went into making this order
 */
record WorkOrder(
        String job,
        StageName stage,
        String hash,
        Optional<ObjectRef> previous,
        Map<String, List<StoredFile>> inputs,
        JsonNode settings,
        List<Item> items,
        String version,
        long sinceMillis,
        Span start) {}
