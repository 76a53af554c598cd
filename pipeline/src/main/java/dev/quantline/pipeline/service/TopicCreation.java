package dev.quantline.pipeline.service;

import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.store.Store;
import dev.quantline.pipeline.store.StoreUnavailable;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.interceptor.Interceptor;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
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
    private final TopicsConfig config;
    private final Store store;
    private final String broker;

    TopicCreation(
            Topics topics,
            TopicsConfig config,
            Store store,
            @ConfigProperty(name = "kafka.bootstrap.servers") String broker) {
        this.topics = topics;
        this.config = config;
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
            var existing = admin.listTopics().names().get();
            warnOfEarlier(existing);
            var missing = topics.all().stream()
                    .filter(name -> !existing.contains(name))
                    .map(this::topic)
                    .toList();
            var created = admin.createTopics(missing);
            for (var topic : created.values().entrySet()) {
                if (!existsAlready(topic.getValue())) {
                    commitBeginning(
                            admin,
                            topic.getKey(),
                            created.numPartitions(topic.getKey()).get());
                }
            }
        } catch (ExecutionException e) {
            throw new KafkaException(
                    "the Kafka broker at " + broker + " does not answer: "
                            + e.getCause().getMessage(),
                    e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private NewTopic topic(String name) {
        boolean work = Stream.of(StageName.values()).map(topics::work).anyMatch(name::equals);
        var partitions = Optional.of(work ? config.workPartitions() : config.partitions());
        return new NewTopic(name, partitions, Optional.empty())
                .configs(Map.of(
                        TopicConfig.RETENTION_MS_CONFIG,
                        String.valueOf(config.retention().toMillis())));
    }

    /** Whether another service was faster. */
    private static boolean existsAlready(KafkaFuture<Void> created) throws ExecutionException, InterruptedException {
        try {
            created.get();
            return false;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof TopicExistsException) {
                return true;
            }
            throw e;
        }
    }

    /** A group without offsets has no lag: whoever starts services by lag would never start the first. */
    private void commitBeginning(Admin admin, String topic, int partitions) throws InterruptedException {
        var beginning = IntStream.range(0, partitions)
                .boxed()
                .collect(Collectors.toMap(i -> new TopicPartition(topic, i), _ -> new OffsetAndMetadata(0)));
        for (var group : topics.groups().entrySet()) {
            if (group.getValue().equals(topic)) {
                try {
                    admin.alterConsumerGroupOffsets(group.getKey(), beginning)
                            .all()
                            .get();
                } catch (ExecutionException inUse) {
                    LOG.debugf(inUse, "%s has members, which begin by themselves", group.getKey());
                }
            }
        }
    }

    private void warnOfEarlier(Set<String> existing) {
        Stream.of("work", "work-done")
                .map(name -> topics.prefix() + name)
                .filter(existing::contains)
                .forEach(name -> LOG.warnf(
                        "%s is a topic of an earlier version, which nobody reads any more: publish the requests of jobs that were under "
                                + "way again, so that they resume, and delete it",
                        name));
    }
}
