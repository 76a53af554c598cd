package dev.quantline.pipeline.service;

import dev.quantline.pipeline.broker.BrokerTopics;
import io.smallrye.common.annotation.Identifier;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.common.KafkaException;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Readiness;

/** Ready when the broker answers; says its address when it does not. */
@Readiness
@ApplicationScoped
public class BrokerReady implements HealthCheck {
    private static final Duration PATIENCE = Duration.ofSeconds(4);

    private final Map<String, Object> kafka;

    /** @param kafka all settings of the application that begin with {@code kafka.}, without that beginning */
    BrokerReady(@Identifier("default-kafka-broker") Map<String, Object> kafka) {
        this.kafka = kafka;
    }

    @Override
    public HealthCheckResponse call() {
        var address = String.valueOf(kafka.get(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG));
        var response = HealthCheckResponse.named("broker").withData("address", address);
        try (var admin = BrokerTopics.admin(kafka, PATIENCE)) {
            return response.up()
                    .withData("nodes", admin.describeCluster().nodes().get().size())
                    .build();
        } catch (KafkaException | ExecutionException e) {
            return response.down()
                    .withData("reason", "no answer from " + address)
                    .build();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return response.down().build();
        }
    }
}
