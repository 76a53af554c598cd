package dev.quantline.pipeline.service;

import dev.quantline.pipeline.broker.BrokerTopics;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.store.Store;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;
import io.smallrye.common.annotation.Identifier;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

import static io.restassured.RestAssured.get;
import static org.junit.jupiter.api.Assertions.assertEquals;

/** A service on a broker that demands TLS and a password: what stands below {@code kafka.} holds for all of its Kafka clients. */
@QuarkusTest
@QuarkusTestResource(StackResource.class)
@QuarkusTestResource(value = SecuredBroker.class, restrictToAnnotatedClass = true)
@TestProfile(StageServiceTest.WithSum.class)
class SecuredBrokerTest {
    private static final Duration PATIENCE = Duration.ofMinutes(1);

    @Inject
    @Identifier("default-kafka-broker")
    Map<String, Object> kafka;

    @Inject
    Store store;

    @Test
    void topicsAreMadeReadinessIsToldAndAJobGoesThrough() {
        // Given a service that has just started
        var topics = new Topics(Topics.DEFAULT_PREFIX);
        get("/q/health/ready").then().statusCode(200);
        assertEquals(List.of(), new BrokerTopics(kafka, topics, PATIENCE).missing());

        // When a job is published, then its stage is completed
        try (var traffic = new Traffic(kafka, PATIENCE)) {
            store.write("inputs/secured", "1\n2".getBytes());
            var input = "\"s3://quantline/inputs/secured\"";
            traffic.send(
                    topics.jobs(),
                    "secured",
                    "{\"id\": \"secured\", \"model\": %s, \"calibration\": %s}"
                            .formatted(input, input)
                            .getBytes());
            traffic.await("secured", "quantline.profiled", Event.Completed.class);
        }
    }
}
