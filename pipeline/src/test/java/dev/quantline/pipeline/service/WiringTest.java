package dev.quantline.pipeline.service;

import dev.quantline.pipeline.store.StoreAccess;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class WiringTest {
    @Test
    void keysAreNeededUnlessThePlatformGivesThem() {
        var half = Map.of("quantline.store.access-key", "a");
        var both = Map.of("quantline.store.access-key", "a", "quantline.store.secret-key", "b");
        var role = Map.of("quantline.store.credentials", "workload-identity", "quantline.store.authorities", "ca.pem");

        var missing = assertThrows(IllegalStateException.class, () -> access(half));
        assertTrue(missing.getMessage().startsWith("quantline.store.secret-key is missing"), missing.getMessage());
        assertEquals(StoreAccess.keys("a", "b"), access(both));
        assertEquals(StoreAccess.workloadIdentity().trusting(Path.of("ca.pem")), access(role));
    }

    private static StoreAccess access(Map<String, String> settings) {
        return Wiring.access(new SmallRyeConfigBuilder()
                .withMapping(StoreConfig.class)
                .withDefaultValues(settings)
                .build()
                .getConfigMapping(StoreConfig.class));
    }
}
