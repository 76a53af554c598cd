package dev.quantline.pipeline.stage;

import java.time.Duration;
import java.util.function.BooleanSupplier;

/**
 * Says when a time slice of an item is over. The clock starts with the first question, when the work starts: if preparing it used up the
 * slice, nothing would ever progress.
 */
public final class TimeSlice implements BooleanSupplier {
    /** Of an item by default: well within a minute with what comes before and after it. */
    public static final Duration USUAL = Duration.ofSeconds(45);

    private final Duration length;
    private long started;

    public TimeSlice(Duration length) {
        this.length = length;
    }

    @Override
    public boolean getAsBoolean() {
        if (started == 0) {
            started = System.nanoTime();
            return false;
        }
        return System.nanoTime() - started >= length.toNanos();
    }
}
