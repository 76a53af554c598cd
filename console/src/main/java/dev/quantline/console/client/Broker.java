package dev.quantline.console.client;

import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.EventCodec;
import dev.quantline.pipeline.job.JobRequest;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Publishes what a user may publish. Every method answers or throws {@link Unreachable} when its patience is over. */
final class Broker implements AutoCloseable {
    /** How long a broker that has answered before may be busy. */
    static final Duration BUSY = Duration.ofSeconds(45);

    private static final Pattern SECURITY = Pattern.compile("KAFKA_(SECURITY|SSL|SASL)_");

    private final Connection connection;
    private final KafkaProducer<String, byte[]> producer;

    private Broker(Connection connection) {
        this.connection = connection;
        this.producer =
                new KafkaProducer<>(settings(connection, BUSY), new StringSerializer(), new ByteArraySerializer());
    }

    static Broker connect(Connection connection, Duration patience) {
        check(connection, patience);
        return new Broker(connection);
    }

    /** Asks the broker for its topics. */
    static void check(Connection connection, Duration patience) {
        try {
            var topics = topics(connection, patience);
            if (!topics.contains(connection.topics().jobs())) {
                throw new Unreachable(
                        "the Kafka broker at %s has no topic %s: the services create it, start them first"
                                .formatted(
                                        connection.kafka(), connection.topics().jobs()),
                        null);
            }
        } catch (KafkaException | ExecutionException | TimeoutException failure) {
            throw unreachable(connection, failure);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw unreachable(connection, stopped);
        }
    }

    private static Set<String> topics(Connection connection, Duration patience)
            throws ExecutionException, InterruptedException, TimeoutException {
        var admin = Admin.create(settings(connection, patience));
        try {
            return admin.listTopics().names().get(patience.toMillis(), TimeUnit.MILLISECONDS);
        } finally {
            // An answer that did not come in time need not be waited for.
            admin.close(Duration.ZERO);
        }
    }

    void publish(JobRequest request) {
        send(connection.topics().jobs(), request.id(), EventCodec.encode(request));
    }

    void publish(Event event) {
        send(connection.topics().of(event), event.job(), EventCodec.encode(event));
    }

    @Override
    public void close() {
        producer.close();
    }

    private void send(String topic, String key, byte[] value) {
        var message = new ProducerRecord<>(topic, key, value);
        message.headers().add("content-type", EventCodec.CONTENT_TYPE.getBytes(StandardCharsets.US_ASCII));
        try {
            producer.send(message).get(BUSY.toMillis(), TimeUnit.MILLISECONDS);
        } catch (KafkaException | ExecutionException | TimeoutException failure) {
            throw unreachable(connection, failure);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw unreachable(connection, stopped);
        }
    }

    /** Settings of every Kafka client of the console. */
    static Map<String, Object> settings(Connection connection, Duration patience) {
        var milliseconds = (int) patience.toMillis();
        var settings = security(System.getenv());
        settings.putAll(Map.of(
                "bootstrap.servers", connection.kafka(),
                "socket.connection.setup.timeout.ms", milliseconds,
                "socket.connection.setup.timeout.max.ms", milliseconds,
                "reconnect.backoff.max.ms", 500,
                "request.timeout.ms", milliseconds,
                "default.api.timeout.ms", milliseconds));
        return settings;
    }

    /** What an environment says about security, as the services read it: {@code KAFKA_SECURITY_PROTOCOL} is {@code security.protocol}. */
    static Map<String, Object> security(Map<String, String> environment) {
        var settings = new HashMap<String, Object>();
        environment.forEach((name, value) -> {
            if (SECURITY.matcher(name).lookingAt()) {
                settings.put(
                        name.substring("KAFKA_".length())
                                .toLowerCase(Locale.ROOT)
                                .replace('_', '.'),
                        value);
            }
        });
        return settings;
    }

    static Unreachable unreachable(Connection connection, Exception cause) {
        var reason = cause.getCause() == null ? cause : cause.getCause();
        var said =
                reason instanceof TimeoutException || reason instanceof org.apache.kafka.common.errors.TimeoutException
                        ? "no answer in time"
                        : reason.getMessage();
        return new Unreachable(
                "the Kafka broker at %s cannot be reached (%s): check --kafka and that the broker runs"
                        .formatted(connection.kafka(), said),
                cause);
    }
}
