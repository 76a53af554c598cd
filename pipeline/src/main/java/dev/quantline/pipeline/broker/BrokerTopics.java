package dev.quantline.pipeline.broker;

import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.event.Topics;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.jboss.logging.Logger;

/**
 * The topics of the pipeline as a broker has them. Methods throw {@link KafkaException} when the broker does not answer in time or
 * refuses, with its reason.
 *
 * @param client settings of a Kafka client: addresses and security
 * @param topics the topics' names
 * @param patience how long the broker may take to answer
 */
public record BrokerTopics(Map<String, Object> client, Topics topics, Duration patience) {
    private static final Logger LOG = Logger.getLogger(BrokerTopics.class);

    /**
     * What a created topic is like.
     *
     * @param partitions     of a topic that is not one of work
     * @param workPartitions of a stage's topic of work: at most so many replicas of the stage have something to do
     * @param retention      how long records are kept
     */
    public record Shape(int partitions, int workPartitions, Duration retention) {}

    /** An admin client that gives up on a broker that does not answer in time. */
    public static Admin admin(Map<String, Object> client, Duration patience) {
        var settings = new HashMap<>(client);
        var milliseconds = (int) patience.toMillis();
        settings.put(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, milliseconds);
        settings.put(AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG, milliseconds);
        return Admin.create(settings);
    }

    /** Names of the topics that the broker does not have, or does not show to this client. */
    public List<String> missing() {
        try (var admin = admin(client, patience)) {
            return missing(existing(admin));
        }
    }

    /** Creates the missing topics and returns their names; those of another process that does the same are left alone. */
    public List<String> create(Shape shape) {
        try (var admin = admin(client, patience)) {
            var existing = existing(admin);
            warnOfEarlier(existing);
            var missing = missing(existing);
            var created = admin.createTopics(
                    missing.stream().map(name -> topic(name, shape)).toList());
            for (var topic : created.values().entrySet()) {
                if (!existsAlready(topic.getKey(), topic.getValue())) {
                    commitBeginning(admin, topic.getKey(), answered(created.numPartitions(topic.getKey())));
                }
            }
            return missing;
        }
    }

    private Set<String> existing(Admin admin) {
        return answered(admin.listTopics().names());
    }

    private List<String> missing(Set<String> existing) {
        return topics.all().stream().filter(name -> !existing.contains(name)).toList();
    }

    private NewTopic topic(String name, Shape shape) {
        boolean work = Stream.of(StageName.values()).map(topics::work).anyMatch(name::equals);
        var partitions = Optional.of(work ? shape.workPartitions() : shape.partitions());
        return new NewTopic(name, partitions, Optional.empty())
                .configs(Map.of(
                        TopicConfig.RETENTION_MS_CONFIG,
                        String.valueOf(shape.retention().toMillis()),
                        // Else the broker refuses records of a clock that is ahead, and soon deletes those of one that
                        // is behind.
                        TopicConfig.MESSAGE_TIMESTAMP_TYPE_CONFIG,
                        "LogAppendTime"));
    }

    /** Whether another process was faster. */
    private boolean existsAlready(String topic, KafkaFuture<Void> created) {
        try {
            answered(created);
            return false;
        } catch (KafkaException e) {
            if (e.getCause() instanceof TopicExistsException) {
                return true;
            }
            if (e.getCause() instanceof AuthorizationException denied) {
                throw new TopicAuthorizationException(
                        "the right Create on the topic %s is missing: %s".formatted(topic, denied.getMessage()));
            }
            throw e;
        }
    }

    /** A group without offsets has no lag: whoever starts services by lag would never start the first. */
    private void commitBeginning(Admin admin, String topic, int partitions) {
        var beginning = IntStream.range(0, partitions)
                .boxed()
                .collect(Collectors.toMap(i -> new TopicPartition(topic, i), _ -> new OffsetAndMetadata(0)));
        for (var group : topics.groups().entrySet()) {
            if (group.getValue().equals(topic)) {
                try {
                    answered(admin.alterConsumerGroupOffsets(group.getKey(), beginning)
                            .all());
                } catch (InterruptException stopped) {
                    throw stopped;
                } catch (KafkaException inUse) {
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

    private <T> T answered(KafkaFuture<T> answer) {
        try {
            return answer.get();
        } catch (ExecutionException e) {
            throw new KafkaException(
                    "the Kafka broker at " + client.get(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG)
                            + " does not answer: " + e.getCause().getMessage(),
                    e.getCause());
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        }
    }
}
