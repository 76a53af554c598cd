package dev.quantline.console.client;

import dev.quantline.pipeline.event.Topics;
import java.net.URI;

/**
 * Where a stack is and how to enter it.
 *
 * @param kafka the broker, {@code host:port}
 * @param s3 the object store's URL
 * @param region requests to the store are signed for
 * @param bucket inputs, jobs and results live in
 * @param topics the names of the topics
 */
public record Connection(
        String kafka, URI s3, String region, String accessKey, String secretKey, String bucket, Topics topics) {}
