package dev.quantline.pipeline.service;

import dev.quantline.pipeline.broker.BrokerTopics;
import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.store.Store;
import dev.quantline.pipeline.store.StoreUnavailable;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.smallrye.common.annotation.Identifier;
import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.interceptor.Interceptor;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;
import org.jboss.logging.Logger;

/**
 * Creates missing topics and the bucket, before the channels subscribe and, if broker or store are not available then, every few
 * seconds until they are.
 */
@ApplicationScoped
public class TopicCreation {
    private static final Logger LOG = Logger.getLogger(TopicCreation.class);
    private static final Duration PATIENCE = Duration.ofSeconds(5);
    private static final int AGAIN_SECONDS = 5;

    private final ScheduledExecutorService later = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("quantline-preparation").factory());
    private final TopicsConfig config;
    private final BrokerTopics broker;
    private final Store store;

    TopicCreation(
            Topics topics,
            TopicsConfig config,
            Store store,
            @Identifier("default-kafka-broker") Map<String, Object> kafka) {
        this.config = config;
        this.broker = new BrokerTopics(kafka, topics, PATIENCE);
        this.store = store;
    }

    void start(@Observes @Priority(Interceptor.Priority.PLATFORM_BEFORE) StartupEvent event) {
        attempt();
    }

    void stop(@Observes ShutdownEvent event) {
        later.shutdownNow();
    }

    private void attempt() {
        try {
            prepareTopics();
            store.prepare();
        } catch (InterruptException e) {
            LOG.debug("stopped before the topics were there", e);
        } catch (KafkaException | StoreUnavailable e) {
            LOG.warnf("not ready, trying again in %d s: %s", AGAIN_SECONDS, e.getMessage());
            later.schedule(this::attempt, AGAIN_SECONDS, TimeUnit.SECONDS);
        }
    }

    private void prepareTopics() {
        if (config.create()) {
            broker.create(new BrokerTopics.Shape(config.partitions(), config.workPartitions(), config.retention()));
            return;
        }
        var missing = broker.missing();
        if (!missing.isEmpty()) {
            throw new KafkaException(
                    "topics are missing, and quantline.topics.create forbids to create them: " + missing);
        }
    }
}
