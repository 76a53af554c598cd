package dev.quantline.pipeline.stage;

import dev.quantline.pipeline.store.Store;
import java.nio.file.Path;

/**
 * What a stage shell works with.
 *
 * @param attempts how a handling is tried again
 * @param scratch  folder for work in progress, best on the file system of the store's cache
 * @param version  of the project; part of every result's name
 */
public record Tools(Store store, EventSink sink, StageMetrics metrics, Attempts attempts, Path scratch,
                    String version) {
}
