package dev.quantline.console.client;

import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.store.Store;
import dev.quantline.pipeline.store.StoreAccess;
import dev.quantline.pipeline.store.StoreSettings;
import java.net.URI;
import java.nio.file.Path;
import java.util.Set;

/**
 * The addresses of a stack and the way into its store.
 *
 * @param kafka the broker, {@code host:port}
 * @param s3 the object store's URL
 * @param region for which requests to the store are signed
 * @param access how client and store know each other
 * @param bucket that holds inputs, jobs and results
 * @param topics the names of the topics
 */
public record Connection(String kafka, URI s3, String region, StoreAccess access, String bucket, Topics topics) {
    /** Opens the store with a cache in this folder; neither objects nor cache have a limit. */
    public Store store(Path cache) {
        return new Store(settings(cache));
    }

    StoreSettings settings(Path cache) {
        return new StoreSettings(s3, region, access, bucket, Set.of(), Long.MAX_VALUE, cache, Long.MAX_VALUE);
    }
}
