package dev.quantline.tuner;

import java.time.Duration;
import java.util.function.BooleanSupplier;

/**
 * Says when a time slice is over. The clock starts with the first question, when training starts: if collecting activations used up the
 * slice, nothing would ever progress.
 */
final class Slice implements BooleanSupplier {
    private final Duration length;
    private long started;

    Slice(Duration length) {
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
