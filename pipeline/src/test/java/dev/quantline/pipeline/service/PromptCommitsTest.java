package dev.quantline.pipeline.service;

import io.smallrye.mutiny.Uni;
import io.smallrye.reactive.messaging.kafka.KafkaConsumer;
import java.lang.reflect.Proxy;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

class PromptCommitsTest {
    @Test
    void aFirstRecordDoesNotWaitForTheCommittedOffset() {
        assertEquals(
                Map.of(),
                PromptCommits.withoutCommitted(consumer())
                        .committed(new TopicPartition("quantline.tune.work", 3))
                        .subscribeAsCompletionStage()
                        .getNow(null));
    }

    @Test
    void everythingElseIsTheConsumersOwnAnswer() {
        var consumer = PromptCommits.withoutCommitted(consumer());
        assertEquals(Map.of("bootstrap.servers", "somewhere"), consumer.configuration());
        assertEquals(
                "not open",
                assertThrows(IllegalStateException.class, consumer::resume).getMessage());
    }

    private static KafkaConsumer<?, ?> consumer() {
        return (KafkaConsumer<?, ?>) Proxy.newProxyInstance(
                KafkaConsumer.class.getClassLoader(), new Class<?>[] {KafkaConsumer.class}, (_, method, _) -> {
                    if (method.getName().equals("resume")) {
                        throw new IllegalStateException("not open");
                    }
                    return method.getName().equals("committed")
                            ? Uni.createFrom().nothing()
                            : Map.of("bootstrap.servers", "somewhere");
                });
    }
}
