package dev.quantline.console;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.Callable;

/** Waits for what other processes do. */
final class Eventually {
    private Eventually() {}

    /** What the attempt gives as soon as it gives something; fails with the last reason after the time is over. */
    static <T> T get(Duration patience, Callable<Optional<T>> attempt) throws InterruptedException {
        var deadline = Instant.now().plus(patience);
        Exception last = null;
        while (Instant.now().isBefore(deadline)) {
            try {
                var value = attempt.call();
                if (value.isPresent()) {
                    return value.get();
                }
            } catch (Exception notYet) {
                last = notYet;
            }
            Thread.sleep(200);
        }
        throw new AssertionError("nothing within " + patience, last);
    }
}
