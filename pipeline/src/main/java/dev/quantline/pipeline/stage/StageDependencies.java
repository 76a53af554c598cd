package dev.quantline.pipeline.stage;

import dev.quantline.pipeline.store.Store;
import java.nio.file.Path;

/**
 * What a stage shell works with.
 *
 * @param attempts how a handling is tried again
 * @param scratch  folder for work in progress, best on the file system of the store's cache
 * @param memory   bytes of activations that a stage keeps in memory; the rest goes to the scratch folder
 * @param version  of the project; part of every result's name
 * @param activity shows what is being handled
 * @param replica  the name of this process, for people
 */
public record StageDependencies(
        Store store,
        EventSink sink,
        StageMetrics metrics,
        RetryPolicy attempts,
        Path scratch,
        long memory,
        String version,
        Activity activity,
        String replica) {}
