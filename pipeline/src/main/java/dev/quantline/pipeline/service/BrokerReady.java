package dev.quantline.pipeline.service;

import jakarta.enterprise.context.ApplicationScoped;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.common.KafkaException;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Readiness;

/** Ready when the broker answers; says its address when it does not. */
@Readiness
@ApplicationScoped
public class BrokerReady implements HealthCheck {
    private static final int PATIENCE_MILLIS = 4000;

    private final String broker;

    BrokerReady(@ConfigProperty(name = "kafka.bootstrap.servers") String broker) {
        this.broker = broker;
    }

    /** A client that gives up on a broker that does not answer in time. */
    static Admin admin(String broker, int patienceMillis) {
        return Admin.create(Map.of(
                AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG,
                broker,
                AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG,
                patienceMillis,
                AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG,
                patienceMillis));
    }

    @Override
    public HealthCheckResponse call() {
        var response = HealthCheckResponse.named("broker").withData("address", broker);
        try (var admin = admin(broker, PATIENCE_MILLIS)) {
            return response.up()
                    .withData("nodes", admin.describeCluster().nodes().get().size())
                    .build();
        } catch (KafkaException | ExecutionException e) {
            return response.down()
                    .withData("reason", "no answer from " + broker)
                    .build();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return response.down().build();
        }
    }
}
