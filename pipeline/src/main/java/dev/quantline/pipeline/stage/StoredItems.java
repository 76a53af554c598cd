package dev.quantline.pipeline.stage;

import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.store.Keys;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * What is stored of the items of an order, as one look at the store shows it.
 *
 * @param folder of the stage's results
 * @param keys   of the objects below its parts
 */
record StoredItems(WorkOrder order, String folder, Set<String> keys) {
    boolean has(int item) {
        return keys.contains(Keys.partManifest(Keys.part(folder, item)));
    }

    /** Whether the checkpoint is there that an item left after its given number of time slices. */
    boolean has(int item, int slice) {
        return keys.contains(Keys.partManifest(Keys.slice(Keys.part(folder, item), slice)));
    }

    int count() {
        return order.items().size() - missing().size();
    }

    /** The items that can be done now: those of the first phase that is not stored whole, without those that are stored. */
    List<Integer> ready() {
        var missing = missing();
        return missing.stream()
                .filter(item -> phase(item) == phase(missing.getFirst()))
                .toList();
    }

    /** Whether the phases before that of an item, and the slices of it before the one that is asked for, are done. */
    boolean reached(Event.Work work) {
        boolean phasesBefore = missing().stream().noneMatch(item -> phase(item) < phase(work.item()));
        return phasesBefore && (work.slice() == 0 || work.slice() > 0 && has(work.item(), work.slice()));
    }

    private int phase(int item) {
        return order.items().get(item).phase();
    }

    private List<Integer> missing() {
        return IntStream.range(0, order.items().size())
                .filter(item -> !has(item))
                .boxed()
                .toList();
    }
}
