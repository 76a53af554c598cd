package dev.quantline.pipeline.stage;

import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/** What the threads of a service have in hand, and since when none of them has moved. */
public final class Activity {
    private final Map<Thread, Handling> handlings = new ConcurrentHashMap<>();

    private record Handling(String what, long nanos) {}

    /** Runs a handling, which shows until it ends. */
    void during(String what, Runnable handling) {
        handlings.put(Thread.currentThread(), new Handling(what, System.nanoTime()));
        try {
            handling.run();
        } finally {
            handlings.remove(Thread.currentThread());
        }
    }

    /** The handling of this thread has moved on. */
    void moved() {
        handlings.computeIfPresent(
                Thread.currentThread(), (_, handling) -> new Handling(handling.what(), System.nanoTime()));
    }

    /** A handling that has not moved for so long. */
    public Optional<String> stuck(Duration patience) {
        return handlings.values().stream()
                .filter(handling -> System.nanoTime() - handling.nanos() > patience.toNanos())
                .map(Handling::what)
                .findFirst();
    }
}
