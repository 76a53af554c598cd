package dev.quantline.pipeline.service;

import dev.quantline.pipeline.store.Store;
import dev.quantline.pipeline.store.StoreUnavailable;
import jakarta.enterprise.context.ApplicationScoped;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Readiness;

/** Ready when the store answers and the bucket is there; says its address when not. */
@Readiness
@ApplicationScoped
public class StoreReady implements HealthCheck {
    private final Store store;

    StoreReady(Store store) {
        this.store = store;
    }

    @Override
    public HealthCheckResponse call() {
        var response = HealthCheckResponse.named("store").withData("address", store.address());
        try {
            return store.isReady()
                    ? response.up().build()
                    : response.down()
                            .withData("reason", "the bucket is missing")
                            .build();
        } catch (StoreUnavailable e) {
            return response.down().withData("reason", e.getMessage()).build();
        }
    }
}
