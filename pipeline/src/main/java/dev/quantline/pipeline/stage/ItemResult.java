package dev.quantline.pipeline.stage;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.pipeline.store.StoredFile;
import java.util.List;
import java.util.Map;

/**
 * What one item, or one time slice of it, left in the store.
 *
 * @param spans of all its slices so far
 */
record ItemResult(Map<String, StoredFile> files, JsonNode summary, List<Span> spans) {}
