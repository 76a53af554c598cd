package dev.quantline.console.client;

import dev.quantline.pipeline.store.StoreUnavailable;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;

/** Checks once whether the two addresses of a stack answer. */
public final class Probe {
    private static final Duration ONCE = Duration.ofSeconds(5);

    private Probe() {}

    /** Why the broker cannot be used; empty when it can. */
    public static Optional<String> broker(Connection connection) {
        try {
            Broker.check(connection, ONCE);
            return Optional.empty();
        } catch (Unreachable failure) {
            return Optional.of(failure.getMessage());
        }
    }

    /** Why the store cannot be used; empty when it can. The bucket may be missing; it is created when needed. */
    public static Optional<String> store(Connection connection) throws IOException {
        try (var cache = TemporaryFolder.create("quantline-probe");
                var store = connection.store(cache.path())) {
            store.isReady();
            return Optional.empty();
        } catch (StoreUnavailable failure) {
            return Optional.of(failure.getMessage());
        }
    }
}
