package dev.quantline.pipeline.store;

import dev.quantline.pipeline.job.ObjectRef;

/**
 * An object and its content.
 *
 * @param ref    where it is
 * @param sha256 of the content, lower-case hexadecimal
 * @param bytes  its size
 */
public record StoredFile(ObjectRef ref, String sha256, long bytes) {}
