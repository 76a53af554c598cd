package dev.quantline.pipeline.stage;

import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;

/** Beats while a job is being worked on: says that its handling moves, and stops it once the job is cancelled. */
final class Pulse implements Runnable {
    private static final long LOOK_NANOS = Duration.ofSeconds(1).toNanos();

    private final String job;
    private final BooleanSupplier cancelled;
    private final Activity activity;
    private long lastLook = System.nanoTime();

    Pulse(String job, BooleanSupplier cancelled, Activity activity) {
        this.job = job;
        this.cancelled = cancelled;
        this.activity = activity;
    }

    /** @throws CancellationException when the job was cancelled; looked up once a second at most */
    @Override
    public void run() {
        activity.moved();
        var now = System.nanoTime();
        if (now - lastLook >= LOOK_NANOS) {
            lastLook = now;
            if (cancelled.getAsBoolean()) {
                throw new CancellationException(job + " was cancelled");
            }
        }
    }
}
