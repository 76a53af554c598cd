package dev.quantline.console.client;

import java.util.Map;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;

class BrokerTest {
    @Test
    void securityComesFromTheEnvironmentAsForTheServices() {
        assertEquals(
                Map.of(
                        "security.protocol",
                        "SASL_SSL",
                        "sasl.mechanism",
                        "SCRAM-SHA-512",
                        "ssl.truststore.type",
                        "PEM"),
                Broker.security(Map.of(
                        "KAFKA_SECURITY_PROTOCOL", "SASL_SSL",
                        "KAFKA_SASL_MECHANISM", "SCRAM-SHA-512",
                        "KAFKA_SSL_TRUSTSTORE_TYPE", "PEM",
                        "KAFKA_HEAP_OPTS", "-Xmx1g",
                        "KAFKA_BOOTSTRAP_SERVERS", "broker:9092")));
    }
}
