package dev.quantline.pipeline.service;

import dev.quantline.pipeline.stage.BrokerUnavailable;
import dev.quantline.pipeline.stage.RetryPolicy;
import dev.quantline.pipeline.store.StoreUnavailable;
import io.smallrye.faulttolerance.api.ExponentialBackoff;
import jakarta.enterprise.context.ApplicationScoped;
import java.io.UncheckedIOException;
import java.time.temporal.ChronoUnit;
import org.eclipse.microprofile.faulttolerance.Retry;

/**
 * Survives a restart of the store or the broker: eight attempts over about a minute. Every figure can be configured as MicroProfile
 * Fault Tolerance describes.
 */
@ApplicationScoped
public class RetryingAttempts implements RetryPolicy {
    @Override
    @Retry(
            maxRetries = 7,
            delay = 500,
            jitter = 100,
            maxDuration = 10,
            durationUnit = ChronoUnit.MINUTES,
            retryOn = {StoreUnavailable.class, BrokerUnavailable.class, UncheckedIOException.class})
    @ExponentialBackoff(maxDelay = 20_000)
    public void run(Runnable body) {
        body.run();
    }
}
