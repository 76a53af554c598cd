package dev.quantline.pipeline.service;

import dev.quantline.pipeline.stage.Retention;
import dev.quantline.pipeline.store.Store;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.time.Instant;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;

/** Removes what ended jobs left, every so often, in the services that are told to. */
@ApplicationScoped
public class CleanUp {
    private static final Logger LOG = Logger.getLogger(CleanUp.class);

    private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("quantline-retention").factory());
    private final Retention retention;
    private final RetentionConfig config;

    CleanUp(Store store, RetentionConfig config) {
        this.retention = new Retention(store, config.jobs());
        this.config = config;
    }

    void start(@Observes StartupEvent event) {
        if (config.every().isPositive()) {
            var millis = config.every().toMillis();
            clock.scheduleWithFixedDelay(this::clean, millis, millis, TimeUnit.MILLISECONDS);
        }
    }

    void stop(@Observes ShutdownEvent event) {
        clock.shutdownNow();
    }

    private void clean() {
        try {
            var removed = retention.clean(Instant.now());
            if (removed > 0) {
                LOG.infof("%d objects of ended jobs removed", removed);
            }
        } catch (RuntimeException e) {
            LOG.warnf(
                    "ended jobs are not cleaned up, next attempt in %d s: %s",
                    config.every().toSeconds(), e.getMessage());
        }
    }
}
