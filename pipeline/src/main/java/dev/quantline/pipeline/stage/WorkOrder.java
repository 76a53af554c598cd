package dev.quantline.pipeline.stage;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.ObjectRef;
import dev.quantline.pipeline.store.StoredFile;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

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
        Span start) {
    /**
     * The items that can be done now: those of the first phase that is not stored whole, without those that are stored.
     *
     * @param stored for each item whether it is
     */
    List<Integer> ready(List<Boolean> stored) {
        var open = IntStream.range(0, items.size())
                .filter(item -> !stored.get(item))
                .boxed()
                .toList();
        return open.stream()
                .filter(item ->
                        items.get(item).phase() == items.get(open.getFirst()).phase())
                .toList();
    }
}
