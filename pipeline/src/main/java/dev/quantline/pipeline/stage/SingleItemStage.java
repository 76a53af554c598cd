package dev.quantline.pipeline.stage;

import java.util.List;

/** A stage that is not split: its only item is the result. */
public interface SingleItemStage extends Stage {
    @Override
    default List<Item> items(StageContext context) {
        return List.of(Item.of(name().verb(), true));
    }
}
