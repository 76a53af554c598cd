package dev.quantline.pipeline.broker;

import dev.quantline.pipeline.event.Topics;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.DescribeConsumerGroupsOptions;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.InterruptException;

/**
 * What a user of a broker may do with the pipeline's topics and groups. It throws {@link KafkaException} when the broker does not answer in
 * time.
 *
 * @param client   settings of a Kafka client: addresses and security
 * @param topics   the topics' names
 * @param patience how long the broker may take to answer
 */
public record BrokerRights(Map<String, Object> client, Topics topics, Duration patience) {
    private static final List<AclOperation> OF_TOPICS = List.of(AclOperation.READ, AclOperation.WRITE);
    private static final List<AclOperation> OF_GROUPS = List.of(AclOperation.READ);

    /** The rights that services need and this user lacks, such as {@code Write on the topic quantline.jobs}; topics must be there. */
    public List<String> denied() {
        try (var admin = BrokerTopics.admin(client, patience)) {
            var denied = new ArrayList<String>();
            for (var topic : ofTopics(admin).entrySet()) {
                lacking(topic.getValue(), TopicDescription::authorizedOperations, OF_TOPICS)
                        .forEach(right -> denied.add(right + " on the topic " + topic.getKey()));
            }
            for (var group : ofGroups(admin).entrySet()) {
                lacking(group.getValue(), ConsumerGroupDescription::authorizedOperations, OF_GROUPS)
                        .forEach(right -> denied.add(right + " on the group " + group.getKey()));
            }
            return denied;
        }
    }

    private Map<String, KafkaFuture<TopicDescription>> ofTopics(Admin admin) {
        return admin.describeTopics(topics.all(), new DescribeTopicsOptions().includeAuthorizedOperations(true))
                .topicNameValues();
    }

    private Map<String, KafkaFuture<ConsumerGroupDescription>> ofGroups(Admin admin) {
        return admin.describeConsumerGroups(
                        topics.groups().keySet(), new DescribeConsumerGroupsOptions().includeAuthorizedOperations(true))
                .describedGroups();
    }

    /** A broker that does not say what it allows is believed to allow all. */
    private static <T> Stream<String> lacking(
            KafkaFuture<T> description, Function<T, Set<AclOperation>> operations, List<AclOperation> needed) {
        var allowed = allowed(description, operations);
        return needed.stream()
                .filter(operation ->
                        allowed.map(all -> !all.contains(operation)).orElse(false))
                .map(operation -> operation.name().charAt(0)
                        + operation.name().substring(1).toLowerCase(Locale.ROOT));
    }

    private static <T> Optional<Set<AclOperation>> allowed(
            KafkaFuture<T> description, Function<T, Set<AclOperation>> operations) {
        try {
            return Optional.ofNullable(operations.apply(description.get()));
        } catch (ExecutionException e) {
            return switch (e.getCause()) {
                case AuthorizationException _ -> Optional.of(Set.of());
                case GroupIdNotFoundException _ -> Optional.empty();
                case KafkaException failure -> throw failure;
                case Throwable other -> throw new KafkaException(other);
            };
        } catch (InterruptedException e) {
            throw new InterruptException(e);
        }
    }
}
