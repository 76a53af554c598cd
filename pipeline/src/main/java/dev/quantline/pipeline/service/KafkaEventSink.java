package dev.quantline.pipeline.service;

import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.EventCodec;
import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.stage.BrokerUnavailable;
import dev.quantline.pipeline.stage.EventSink;
import io.opentelemetry.context.Context;
import io.smallrye.mutiny.Uni;
import io.smallrye.reactive.messaging.MutinyEmitter;
import io.smallrye.reactive.messaging.TracingMetadata;
import io.smallrye.reactive.messaging.kafka.api.OutgoingKafkaRecordMetadata;
import jakarta.enterprise.context.ApplicationScoped;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.eclipse.microprofile.reactive.messaging.Channel;
import org.eclipse.microprofile.reactive.messaging.Message;
import org.eclipse.microprofile.reactive.messaging.Metadata;
import org.eclipse.microprofile.reactive.messaging.OnOverflow;
import org.jboss.logging.Logger;

/** Publishes every event on its topic, keyed so that the events of a job stay in order and its work spreads. */
@ApplicationScoped
public class KafkaEventSink implements EventSink {
    private static final Logger LOG = Logger.getLogger(KafkaEventSink.class);
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final MutinyEmitter<byte[]> emitter;
    private final Topics topics;
    private final String broker;

    KafkaEventSink(
            @Channel("quantline-events") @OnOverflow(OnOverflow.Strategy.UNBOUNDED_BUFFER)
                    MutinyEmitter<byte[]> emitter,
            Topics topics,
            @ConfigProperty(name = "kafka.bootstrap.servers") String broker) {
        this.emitter = emitter;
        this.topics = topics;
        this.broker = broker;
    }

    @Override
    public void publish(Event event) {
        try {
            send(event).await().atMost(PATIENCE);
        } catch (RuntimeException e) {
            throw new BrokerUnavailable(
                    "the Kafka broker at " + broker + " did not take an event: " + e.getMessage(), e);
        }
    }

    @Override
    public void announce(Event.Progress progress) {
        send(progress).subscribe().with(_ -> {}, e -> LOG.debugf(e, "progress of %s lost", progress.job()));
    }

    private Uni<Void> send(Event event) {
        var key = switch (event) {
            case Event.Work work -> work.job() + "/" + work.stage().verb() + "/" + work.item();
            default -> event.job();
        };
        var headers = new RecordHeaders().add("content-type", EventCodec.CONTENT_TYPE.getBytes(StandardCharsets.UTF_8));
        var record = OutgoingKafkaRecordMetadata.builder()
                .withTopic(topics.of(event))
                .withKey(key.getBytes(StandardCharsets.UTF_8))
                .withHeaders(headers)
                .build();
        return emitter.sendMessage(Message.of(
                EventCodec.encode(event), Metadata.of(record, TracingMetadata.withCurrent(Context.current()))));
    }
}
