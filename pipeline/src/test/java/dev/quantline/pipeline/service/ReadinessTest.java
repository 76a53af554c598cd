package dev.quantline.pipeline.service;

import dev.quantline.embedded.EmbeddedStack;
import dev.quantline.pipeline.store.Store;
import dev.quantline.pipeline.store.StoreAccess;
import dev.quantline.pipeline.store.StoreSettings;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse.Status;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeout;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Neither a closed port nor a server that never answers keeps an operator waiting. */
class ReadinessTest {
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    @TempDir
    Path folder;

    @Test
    void aClosedPortIsNamed() {
        isDownAndNames("127.0.0.1:1", broker("127.0.0.1:1"));
        isDownAndNames("http://127.0.0.1:1", new StoreReady(store("http://127.0.0.1:1")));
    }

    @Test
    void aServerThatNeverAnswersIsNamed() throws IOException {
        try (var silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            var address = "127.0.0.1:" + silent.getLocalPort();

            isDownAndNames(address, broker(address));
            isDownAndNames("http://" + address, new StoreReady(store("http://" + address)));
        }
    }

    @Test
    void theSettingsOfSecurityReachTheBroker() throws IOException {
        try (var stack = EmbeddedStack.start(folder.resolve("stack"), EmbeddedStack.Ports.free())) {
            var address = stack.addresses().bootstrapServers();

            assertEquals(Status.UP, broker(address).call().getStatus());
            isDownAndNames(
                    address, new BrokerReady(Map.of("bootstrap.servers", address, "security.protocol", "SASL_SSL")));
        }
    }

    private static void isDownAndNames(String address, HealthCheck check) {
        var response = assertTimeout(PATIENCE, check::call);

        assertEquals(Status.DOWN, response.getStatus());
        assertTrue(
                response.getData().orElseThrow().get("reason").toString().contains(address),
                response.getData()::toString);
    }

    private static BrokerReady broker(String address) {
        return new BrokerReady(Map.of("bootstrap.servers", address));
    }

    private Store store(String endpoint) {
        return new Store(new StoreSettings(
                URI.create(endpoint), "us-east-1", StoreAccess.keys("a", "b"), "quantline", Set.of(), 1, folder, 1));
    }
}
