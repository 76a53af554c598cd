package dev.quantline.pipeline.stage;

import dev.quantline.pipeline.event.Event.Seconds;
import dev.quantline.pipeline.event.StageName;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;

/** The figures of one stage for operators: jobs, seconds, bytes and failures. */
public final class StageMetrics {
    private static final double MILLIS = 1000;
    private final MeterRegistry registry;
    private final StageName stage;

    public StageMetrics(MeterRegistry registry, StageName stage) {
        this.registry = registry;
        this.stage = stage;
    }

    void completed(Seconds seconds) {
        registry.counter("quantline.jobs", "stage", stage.verb(), "outcome", "completed")
                .increment();
        time("wall", seconds.wall());
        time("compute", seconds.compute());
        time("store", seconds.store());
        time("events", seconds.events());
    }

    void failed(String kind) {
        registry.counter("quantline.jobs", "stage", stage.verb(), "outcome", "failed")
                .increment();
        registry.counter("quantline.failures", "stage", stage.verb(), "kind", kind)
                .increment();
    }

    void downloaded(long bytes) {
        bytes("download", bytes);
    }

    void uploaded(long bytes) {
        bytes("upload", bytes);
    }

    private void bytes(String direction, long bytes) {
        registry.counter("quantline.store.bytes", "stage", stage.verb(), "direction", direction)
                .increment(bytes);
    }

    private void time(String part, double seconds) {
        registry.timer("quantline.stage.seconds", "stage", stage.verb(), "part", part)
                .record(Duration.ofMillis((long) (seconds * MILLIS)));
    }
}
