package dev.quantline.embedded;

import java.net.URI;

/**
 * The addresses of a stack.
 *
 * @param bootstrapServers Kafka's {@code host:port}
 * @param s3Endpoint the object store's URL
 * @param keys the object store's
 */
public record StackAddresses(String bootstrapServers, URI s3Endpoint, StoreKeys keys) {
    /** The bucket that every embedded store holds. */
    public static final String BUCKET = "quantline";
}
