package dev.quantline.pipeline.broker;

import dev.quantline.embedded.EmbeddedStack;
import dev.quantline.pipeline.event.Topics;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.KafkaException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class BrokerTopicsTest {
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    @TempDir
    Path folder;

    @Test
    void whatIsMissingIsCreatedOnce() throws Exception {
        try (var stack = EmbeddedStack.start(folder, EmbeddedStack.Ports.free())) {
            // Given a broker that has one topic
            var shape = new BrokerTopics.Shape(3, 5, Duration.ofHours(1));
            var topics = new Topics("some.");
            var address = stack.addresses().bootstrapServers();
            var broker = new BrokerTopics(Map.of("bootstrap.servers", address), topics, PATIENCE);
            try (var admin = BrokerTopics.admin(broker.client(), PATIENCE)) {
                admin.createTopics(List.of(new NewTopic("some.jobs", 1, (short) 1)))
                        .all()
                        .get();

                // When the others are created, then they have what was asked for
                var others = new ArrayList<>(topics.all());
                others.remove("some.jobs");
                assertEquals(others, broker.missing());
                assertEquals(others, broker.create(shape));
                assertEquals(List.of(), broker.missing());
                assertEquals(List.of(), broker.create(shape));
                var created = admin.describeTopics(topics.all()).allTopicNames().get();
                assertEquals(1, created.get("some.jobs").partitions().size(), "the one that was there");
                assertEquals(3, created.get("some.progress").partitions().size());
                assertEquals(5, created.get("some.tune.work").partitions().size());
            }

            // When a client has settings of security that this broker does not know, then they are tried
            var secured = new BrokerTopics(
                    Map.of("bootstrap.servers", address, "security.protocol", "SSL"), topics, Duration.ofSeconds(3));
            var refused = assertThrows(KafkaException.class, secured::missing);
            assertTrue(refused.getMessage().contains(address), refused.getMessage());
        }
    }
}
