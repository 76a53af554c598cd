package dev.quantline.pipeline.store;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;

/**
 * What keys of a store may do with the bucket, found by doing it to an object of its own. It throws {@link StoreUnavailable} when the
 * store does not answer.
 */
public record StoreRights(StoreSettings settings) {
    private static final byte[] CONTENT = {1};

    /** The rights that services need and these keys lack, by their names in policies: {@code s3:PutObject}; the bucket must be there. */
    public List<String> denied() {
        var key = "prepare/" + UUID.randomUUID();
        try (var store = new Store(settings);
                var s3 = new S3(settings)) {
            return Stream.<Runnable>of(
                            () -> store.write(key, CONTENT),
                            () -> store.read(key),
                            () -> store.list(key),
                            () -> s3.beginUpload(settings.bucket(), key),
                            () -> store.abortUploads(key, Instant.MAX),
                            () -> store.delete(key))
                    .map(StoreRights::deniedBy)
                    .flatMap(Optional::stream)
                    .distinct()
                    .toList();
        }
    }

    private static Optional<String> deniedBy(Runnable attempt) {
        try {
            attempt.run();
            return Optional.empty();
        } catch (StoreUnavailable failure) {
            if (failure.denied().isEmpty()) {
                throw failure;
            }
            return failure.denied();
        }
    }
}
