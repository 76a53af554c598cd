package dev.quantline.pipeline.stage;

import java.util.List;

/** A stage that is not split: its only item is the result. */
public interface SingleItemStage extends Stage {
    @Override
    default List<Item> items(StageContext context) {
        return List.of(Item.of(name().verb(), true));
    }

    @Override
    default Outcome.Done merge(StageContext context, List<FinishedItem> parts) {
        throw new IllegalStateException(name().verb() + " has one item, there is nothing to merge");
    }
}
