package dev.quantline.pipeline.store;

import java.net.URI;
import java.nio.file.Path;
import java.util.Set;

/**
 * Where the store is and what may be kept locally.
 *
 * @param endpoint       URL of any S3-compatible store
 * @param region         the region requests are signed for
 * @param access         how client and store know each other
 * @param bucket         where jobs and their results live
 * @param otherBuckets   where jobs may read inputs besides
 * @param maxObjectBytes larger objects are refused
 * @param cache          folder of downloaded and uploaded contents, shared by processes of one machine
 * @param cacheBytes     beyond this the least recently used contents are deleted
 */
public record StoreSettings(
        URI endpoint,
        String region,
        StoreAccess access,
        String bucket,
        Set<String> otherBuckets,
        long maxObjectBytes,
        Path cache,
        long cacheBytes) {}
