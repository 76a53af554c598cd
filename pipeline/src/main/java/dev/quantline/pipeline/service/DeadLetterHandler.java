package dev.quantline.pipeline.service;

import dev.quantline.pipeline.stage.Interruption;
import dev.quantline.pipeline.stage.JobLimit;
import io.smallrye.common.annotation.Identifier;
import io.smallrye.mutiny.Uni;
import io.smallrye.reactive.messaging.kafka.IncomingKafkaRecord;
import io.smallrye.reactive.messaging.kafka.KafkaConnectorIncomingConfiguration;
import io.smallrye.reactive.messaging.kafka.KafkaConsumer;
import io.smallrye.reactive.messaging.kafka.commit.KafkaCommitHandler;
import io.smallrye.reactive.messaging.kafka.fault.KafkaFailureHandler;
import io.vertx.mutiny.core.Vertx;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.BiConsumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.record.TimestampType;
import org.eclipse.microprofile.reactive.messaging.Metadata;

/**
 * Puts a record whose handling failed on the dead-letter topic, as SmallRye does, unless the handling was interrupted because the
 * service is stopping: then its offset is not committed, and the next reader of the partition gets the record again.
 */
@ApplicationScoped
@Identifier(DeadLetterHandler.STRATEGY)
public class DeadLetterHandler implements KafkaFailureHandler.Factory {
    static final String STRATEGY = "quantline-put-aside";

    private static final int CUT_BYTES = 4096;

    private final KafkaFailureHandler.Factory deadLetters;

    DeadLetterHandler(
            @Identifier(KafkaFailureHandler.Strategy.DEAD_LETTER_QUEUE) KafkaFailureHandler.Factory deadLetters) {
        this.deadLetters = deadLetters;
    }

    @Override
    public KafkaFailureHandler create(
            KafkaConnectorIncomingConfiguration configuration,
            Vertx vertx,
            KafkaConsumer<?, ?> consumer,
            BiConsumer<Throwable, Boolean> report) {
        return new Handler(deadLetters.create(configuration, vertx, consumer, report));
    }

    /** Settles the record that was cut. */
    private record Original(IncomingKafkaRecord<?, ?> record) implements KafkaCommitHandler {
        @Override
        public <K, V> Uni<Void> handle(IncomingKafkaRecord<K, V> cut) {
            return Uni.createFrom().completionStage(record.ack());
        }
    }

    private record Handler(KafkaFailureHandler deadLetters) implements KafkaFailureHandler {
        @Override
        public <K, V> Uni<Void> handle(IncomingKafkaRecord<K, V> record, Throwable reason, Metadata metadata) {
            return Interruption.caused(reason)
                    ? Uni.createFrom().nothing()
                    : deadLetters.handle(cut(record), reason, metadata);
        }

        /** A record too long to be read is too long to be published: its beginning tells what it was. */
        private static <K, V> IncomingKafkaRecord<K, V> cut(IncomingKafkaRecord<K, V> record) {
            if (record == null
                    || !(record.getPayload() instanceof byte[] value)
                    || value.length <= JobLimit.EVENT_BYTES.value()) {
                return record;
            }
            @SuppressWarnings("unchecked")
            var beginning = (V) Arrays.copyOf(value, CUT_BYTES);
            var shortened = new ConsumerRecord<>(
                    record.getTopic(),
                    record.getPartition(),
                    record.getOffset(),
                    record.getTimestamp().toEpochMilli(),
                    TimestampType.CREATE_TIME,
                    ConsumerRecord.NULL_SIZE,
                    CUT_BYTES,
                    record.getKey(),
                    beginning,
                    record.getHeaders(),
                    Optional.empty());
            return new IncomingKafkaRecord<>(shortened, record.getTopic(), 0, new Original(record), null, false, false);
        }

        @Override
        public void terminate() {
            deadLetters.terminate();
        }
    }
}
