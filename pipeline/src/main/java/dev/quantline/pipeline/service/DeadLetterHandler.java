package dev.quantline.pipeline.service;

import dev.quantline.pipeline.stage.Interruption;
import io.smallrye.common.annotation.Identifier;
import io.smallrye.mutiny.Uni;
import io.smallrye.reactive.messaging.kafka.IncomingKafkaRecord;
import io.smallrye.reactive.messaging.kafka.KafkaConnectorIncomingConfiguration;
import io.smallrye.reactive.messaging.kafka.KafkaConsumer;
import io.smallrye.reactive.messaging.kafka.fault.KafkaFailureHandler;
import io.vertx.mutiny.core.Vertx;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.function.BiConsumer;
import org.eclipse.microprofile.reactive.messaging.Metadata;

/**
 * Puts a record whose handling failed on the dead-letter topic, as SmallRye does, unless the handling was interrupted because the
 * service is stopping: then its offset is not committed, and the next reader of the partition gets the record again.
 */
@ApplicationScoped
@Identifier(DeadLetterHandler.STRATEGY)
public class DeadLetterHandler implements KafkaFailureHandler.Factory {
    static final String STRATEGY = "quantline-put-aside";

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

    private record Handler(KafkaFailureHandler deadLetters) implements KafkaFailureHandler {
        @Override
        public <K, V> Uni<Void> handle(IncomingKafkaRecord<K, V> record, Throwable reason, Metadata metadata) {
            return Interruption.caused(reason)
                    ? Uni.createFrom().nothing()
                    : deadLetters.handle(record, reason, metadata);
        }

        @Override
        public void terminate() {
            deadLetters.terminate();
        }
    }
}
