package dev.quantline.pipeline.broker;

import dev.quantline.embedded.Broker;
import dev.quantline.pipeline.event.Topics;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.Resource;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.apache.kafka.common.acl.AclOperation.CREATE;
import static org.apache.kafka.common.acl.AclOperation.READ;
import static org.apache.kafka.common.acl.AclOperation.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class BrokerRightsTest {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final BrokerTopics.Shape SHAPE = new BrokerTopics.Shape(1, 1, Duration.ofHours(1));

    @TempDir
    Path folder;

    @Test
    void rightsThatLackAreNamedWithTheirTopicOrGroup() throws Exception {
        int port;
        try (var socket = new ServerSocket(0)) {
            port = socket.getLocalPort();
        }
        var authorizer = Map.of(
                "authorizer.class.name",
                "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "allow.everyone.if.no.acl.found",
                "true");
        try (var _ = Broker.start(folder, port, authorizer)) {
            // Given a user who may do everything with the topics
            var client = Map.<String, Object>of("bootstrap.servers", "127.0.0.1:" + port);
            var topics = new Topics("some.");
            var rights = new BrokerRights(client, topics, PATIENCE);
            new BrokerTopics(client, topics, PATIENCE).create(SHAPE);
            assertEquals(List.of(), rights.denied());

            // When single rights are taken away, then those are named
            try (var admin = BrokerTopics.admin(client, PATIENCE)) {
                deny(admin, ResourceType.TOPIC, "some.jobs", WRITE);
                deny(admin, ResourceType.TOPIC, "some.failed", READ);
                deny(admin, ResourceType.GROUP, "some.tuner-work", READ);
                assertEquals(
                        List.of(
                                "Read on the group some.tuner-work",
                                "Read on the topic some.failed",
                                "Write on the topic some.jobs"),
                        rights.denied().stream().sorted().toList());

                // And where topics are missing, the right to make them
                var others = new BrokerTopics(client, new Topics("other."), PATIENCE);
                deny(admin, ResourceType.CLUSTER, Resource.CLUSTER_NAME, CREATE);
                deny(admin, ResourceType.TOPIC, "other.jobs", CREATE);
                var refused = assertThrows(TopicAuthorizationException.class, () -> others.create(SHAPE));
                assertTrue(refused.getMessage().contains("Create on the topic other.jobs"), refused.getMessage());
            }
        }
    }

    /** Everything else stays allowed. */
    private static void deny(Admin admin, ResourceType type, String name, AclOperation operation) throws Exception {
        var resource = new ResourcePattern(type, name, PatternType.LITERAL);
        admin.createAcls(Stream.of(
                                new AccessControlEntry("User:ANONYMOUS", "*", operation, AclPermissionType.DENY),
                                new AccessControlEntry(
                                        "User:ANONYMOUS", "*", AclOperation.ALL, AclPermissionType.ALLOW))
                        .map(entry -> new AclBinding(resource, entry))
                        .toList())
                .all()
                .get();
    }
}
