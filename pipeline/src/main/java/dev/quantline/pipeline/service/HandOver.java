package dev.quantline.pipeline.service;

import io.smallrye.common.annotation.Identifier;
import io.smallrye.reactive.messaging.kafka.KafkaConsumerRebalanceListener;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.Collection;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.TopicPartition;

/** Lets go of partitions of work that another replica takes over. */
@ApplicationScoped
@Identifier("quantline-work")
public class HandOver implements KafkaConsumerRebalanceListener {
    private final WorkQueue queue;

    HandOver(WorkQueue queue) {
        this.queue = queue;
    }

    @Override
    public void onPartitionsRevoked(Consumer<?, ?> consumer, Collection<TopicPartition> partitions) {
        queue.leave(partitions);
    }
}
