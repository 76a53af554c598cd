package dev.quantline.pipeline.service;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.net.URI;
import java.util.Optional;
import java.util.Set;

/** Where the object store is. */
@ConfigMapping(prefix = "quantline.store")
public interface StoreConfig {
    /** URL of any S3-compatible store. */
    @WithDefault("http://localhost:9000")
    URI endpoint();

    /** The region requests are signed for. */
    @WithDefault("us-east-1")
    String region();

    @WithDefault("quantline")
    String bucket();

    /** Buckets that jobs may name for their inputs, besides that one. */
    Optional<Set<String>> otherBuckets();

    /** Has no default, as {@link #secretKey}: a service without keys does not start. */
    String accessKey();

    String secretKey();

    /** Larger inputs are refused. */
    @WithDefault("34359738368")
    long maxObjectBytes();
}
