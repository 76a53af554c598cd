package dev.quantline.embedded;

import java.net.URI;

/**
 * The addresses of a stack. The keys are fixed and public: S3 clients need some, but only the loopback interface protects the data.
 *
 * @param bootstrapServers Kafka's {@code host:port}
 * @param s3Endpoint the object store's URL
 */
public record StackAddresses(String bootstrapServers, URI s3Endpoint) {
    /** The access key every embedded store takes. */
    public static final String ACCESS_KEY = "quantline";
    /** The secret key every embedded store takes. */
    public static final String SECRET_KEY = "quantline-secret";
    /** The bucket that every embedded store holds. */
    public static final String BUCKET = "quantline";
}
