package dev.quantline.pipeline.stage;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.quantize.settings.Json;

/**
 * A piece of a stage.
 *
 * @param name     for people, in progress messages
 * @param settings what the stage needs to know to do it
 */
public record Item(String name, JsonNode settings) {
    /** An item described by any record. */
    public static Item of(String name, Object settings) {
        return new Item(name, Json.tree(settings));
    }
}
