package dev.quantline.pipeline.stage;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;

/**
 * What an item left, brought back for the merge.
 *
 * @param folder holds its files under the names it gave them
 */
public record FinishedItem(Item item, Path folder, JsonNode summary) {
}
