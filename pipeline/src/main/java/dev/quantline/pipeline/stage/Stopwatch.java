package dev.quantline.pipeline.stage;

import java.io.IOException;
import java.time.Duration;

/** Measures one handling, and how much of it is the stage's own code. Used by one thread. */
final class Stopwatch {
    private final long fromMillis = System.currentTimeMillis();
    private final long fromNanos = System.nanoTime();
    private long computeNanos;

    /** The stage's own code. */
    interface Computation<T> {
        T run() throws IOException;
    }

    <T> T compute(Computation<T> computation) throws IOException {
        var from = System.nanoTime();
        try {
            return computation.run();
        } finally {
            computeNanos += System.nanoTime() - from;
        }
    }

    /** From the beginning until now. */
    Span span() {
        var length = Duration.ofNanos(System.nanoTime() - fromNanos).toMillis();
        return new Span(fromMillis, fromMillis + length, Duration.ofNanos(computeNanos).toMillis());
    }
}
