package dev.quantline.console.client;

import dev.quantline.pipeline.broker.BrokerRights;
import dev.quantline.pipeline.broker.BrokerTopics;
import dev.quantline.pipeline.store.StoreRights;
import dev.quantline.pipeline.store.StoreUnavailable;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.kafka.common.KafkaException;

/**
 * What must be there before services start: the topics and the bucket. Methods throw {@link Unreachable} when the broker or the store does
 * not answer or refuses.
 */
public record Preparation(Connection connection, Patience patience) {
    /** The topics and the bucket that are not there. */
    public List<String> missing() throws IOException {
        var missing = new ArrayList<>(topics(BrokerTopics::missing));
        if (!bucket(false)) {
            missing.add(bucketName());
        }
        return missing;
    }

    /** Creates what is missing; returns what that was. */
    public List<String> create(BrokerTopics.Shape shape) throws IOException {
        var created = new ArrayList<>(topics(broker -> broker.create(shape)));
        if (!bucket(true)) {
            created.add(bucketName());
        }
        return created;
    }

    private String bucketName() {
        return "bucket " + connection.bucket();
    }

    /** The rights that services need and lack: of the broker's user, and of the store's keys. Topics and bucket must be there. */
    public List<String> denied() throws IOException {
        var denied = new ArrayList<>(broker(
                length -> new BrokerRights(Broker.settings(connection, length), connection.topics(), length).denied()));
        try (var cache = TemporaryFolder.create("quantline-prepare")) {
            denied.addAll(store(() -> new StoreRights(connection.settings(cache.path())).denied()));
        }
        return denied;
    }

    private List<String> topics(Function<BrokerTopics, List<String>> asked) {
        return broker(length ->
                asked.apply(new BrokerTopics(Broker.settings(connection, length), connection.topics(), length)));
    }

    private List<String> broker(Function<Duration, List<String>> asked) {
        return patience.until("the Kafka broker at " + connection.kafka(), length -> {
            try {
                return asked.apply(length);
            } catch (KafkaException failure) {
                throw Broker.unreachable(connection, failure);
            }
        });
    }

    private <T> T store(Supplier<T> asked) {
        return patience.until("the object store at " + connection.s3(), _ -> {
            try {
                return asked.get();
            } catch (StoreUnavailable failure) {
                throw new Unreachable(failure.getMessage(), failure);
            }
        });
    }

    /** Whether the bucket was there. */
    private boolean bucket(boolean create) throws IOException {
        try (var cache = TemporaryFolder.create("quantline-prepare");
                var opened = connection.store(cache.path())) {
            return store(() -> {
                boolean there = opened.isReady();
                if (create && !there) {
                    opened.prepare();
                }
                return there;
            });
        }
    }
}
