package dev.quantline.pipeline.service;

import dev.quantline.pipeline.stage.Activity;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Liveness;

/** Not alive when something this service has in hand no longer moves: a restart hands it to another. */
@Liveness
@ApplicationScoped
public class WorkLiveness implements HealthCheck {
    private final Activity activity;
    private final Duration patience;

    WorkLiveness(Activity activity, WorkConfig work) {
        this.activity = activity;
        this.patience = work.stuckAfter();
    }

    @Override
    public HealthCheckResponse call() {
        var response = HealthCheckResponse.named("work");
        return activity.stuck(patience)
                .map(what -> response.down()
                        .withData("reason", what + " has not moved for " + patience.toMinutes() + " minutes")
                        .build())
                .orElseGet(() -> response.up().build());
    }
}
