package dev.quantline.pipeline.stage;

import java.io.IOException;
import java.time.Duration;

/** Measures one handling, and how much of it is the stage's own code. Used by one thread. */
final class Stopwatch {
    private final long fromMillis = System.currentTimeMillis();
    private final long fromNanos = System.nanoTime();
    private long computeNanos;
    private long computingSince;
    private boolean computing;

    /** The stage's own code. */
    interface Computation<T> {
        T run() throws IOException;
    }

    <T> T compute(Computation<T> computation) throws IOException {
        computingSince = System.nanoTime();
        computing = true;
        try {
            return computation.run();
        } finally {
            computeNanos += System.nanoTime() - computingSince;
            computing = false;
        }
    }

    /** From the beginning until now, also in the midst of computing. */
    Span span() {
        var now = System.nanoTime();
        var compute = computeNanos + (computing ? now - computingSince : 0);
        return new Span(
                fromMillis,
                fromMillis + Duration.ofNanos(now - fromNanos).toMillis(),
                Duration.ofNanos(compute).toMillis());
    }
}
