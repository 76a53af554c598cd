package dev.quantline.pipeline.service;

import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.store.Store;
import dev.quantline.pipeline.store.StoreUnavailable;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.interceptor.Interceptor;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.TopicExistsException;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/**
 * Creates missing topics and the bucket, before the channels subscribe and, if broker or store are not available then, every few
 * seconds until they are.
 */
@ApplicationScoped
public class TopicCreation {
    private static final Logger LOG = Logger.getLogger(TopicCreation.class);
    private static final int PATIENCE_MILLIS = 5000;
    private static final int AGAIN_SECONDS = 5;

    private final ScheduledExecutorService later = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("quantline-preparation").factory());
    private final Topics topics;
    private final int partitions;
    private final Duration retention;
    private final Store store;
    private final String broker;

    TopicCreation(
            Topics topics,
            TopicsConfig config,
            Store store,
            @ConfigProperty(name = "kafka.bootstrap.servers") String broker) {
        this.topics = topics;
        this.partitions = config.partitions();
        this.retention = config.retention();
        this.store = store;
        this.broker = broker;
    }

    void start(@Observes @Priority(Interceptor.Priority.PLATFORM_BEFORE) StartupEvent event) {
        attempt();
    }

    void stop(@Observes ShutdownEvent event) {
        later.shutdownNow();
    }

    private void attempt() {
        try {
            createTopics();
            store.prepare();
        } catch (KafkaException | StoreUnavailable e) {
            LOG.warnf("not ready, trying again in %d s: %s", AGAIN_SECONDS, e.getMessage());
            later.schedule(this::attempt, AGAIN_SECONDS, TimeUnit.SECONDS);
        }
    }

    private void createTopics() {
        try (var admin = BrokerReady.admin(broker, PATIENCE_MILLIS)) {
            var missing = topics.all().stream()
                    .map(name -> new NewTopic(name, Optional.of(partitions), Optional.empty())
                            .configs(Map.of(TopicConfig.RETENTION_MS_CONFIG, String.valueOf(retention.toMillis()))))
                    .toList();
            for (var created : admin.createTopics(missing).values().values()) {
                created.get();
            }
        } catch (ExecutionException e) {
            if (!(e.getCause() instanceof TopicExistsException)) {
                throw new KafkaException(
                        "the Kafka broker at " + broker + " does not answer: "
                                + e.getCause().getMessage(),
                        e);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
