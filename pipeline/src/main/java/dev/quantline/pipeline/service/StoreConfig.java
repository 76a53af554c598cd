package dev.quantline.pipeline.service;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.net.URI;
import java.nio.file.Path;
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

    /** How a service shows the store who it is. */
    enum Credentials {
        /** By {@link #accessKey} and {@link #secretKey}. */
        KEYS,
        /** By short-lived keys that the platform gives the workload: a role of a service account or of the machine, on AWS. */
        WORKLOAD_IDENTITY
    }

    @WithDefault("keys")
    Credentials credentials();

    /** Has no default, as {@link #secretKey}: a service that needs keys and has none does not start. */
    Optional<String> accessKey();

    Optional<String> secretKey();

    /** PEM file of the authorities whose certificates the store may have, besides those that Java trusts. */
    Optional<Path> authorities();

    /** Larger inputs are refused. */
    @WithDefault("34359738368")
    long maxObjectBytes();
}
