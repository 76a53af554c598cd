/**
 * A Kafka broker and an S3 server inside this JVM, over one folder: what a laptop runs instead of a cluster, and what tests run against.
 * Imports Kafka's server, S3Proxy and the JDK; nothing of Quantline, and no module but the command line and tests may import it.
 */
package dev.quantline.embedded;
