package dev.quantline.pipeline.stage;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * What an item left, brought back for those of later phases.
 *
 * @param folder holds its files under the names it gave them
 */
public record FinishedItem(Item item, Path folder, JsonNode summary) {
    /** Its files by name. */
    public Map<String, Path> files() throws IOException {
        try (var files = Files.list(folder)) {
            return StageContext.named(files.toList());
        }
    }
}
