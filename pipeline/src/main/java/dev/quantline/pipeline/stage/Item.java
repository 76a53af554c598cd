package dev.quantline.pipeline.stage;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.quantize.settings.Json;

/**
 * A piece of a stage.
 *
 * @param name     for people, in progress messages
 * @param phase    items of a phase begin when all items of the phases before it are stored; the first is 0
 * @param settings what the stage needs to know to do it
 */
public record Item(String name, int phase, JsonNode settings) {
    /** An item of the first phase, described by any record. */
    public static Item of(String name, Object settings) {
        return of(name, 0, settings);
    }

    /** An item of any phase. */
    public static Item of(String name, int phase, Object settings) {
        return new Item(name, phase, Json.tree(settings));
    }
}
