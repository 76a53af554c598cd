package dev.quantline.tuner;

import java.time.Duration;
import java.util.function.BooleanSupplier;

/**
 * Says when a time slice is over. The clock starts when it is first asked, which is when training starts: collecting
 * activations must not use up the slice, or nothing would ever move.
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
