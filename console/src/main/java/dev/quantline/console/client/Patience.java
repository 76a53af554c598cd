package dev.quantline.console.client;

import dev.quantline.pipeline.store.StoreUnavailable;
import java.time.Duration;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import org.apache.kafka.common.errors.AuthorizationException;

/** How long to keep trying addresses that do not answer, all of them together, and who is told about the wait. */
public final class Patience {
    /** A broker that runs answers sooner, as a rule. */
    private static final Duration FIRST_TRY = Duration.ofSeconds(2);

    private static final Duration LONGEST_TRY = Duration.ofSeconds(30);
    /** Less than this is no try. */
    private static final Duration SHORTEST_TRY = Duration.ofSeconds(1);

    private static final Duration PAUSE = Duration.ofMillis(500);
    private static final double MILLIS = 1000;

    private final Duration wait;
    private final Consumer<String> listener;
    private final Set<String> told = new HashSet<>();
    private final long began = System.nanoTime();

    /** @param listener is told once per address that it is waited for, and for how long */
    public Patience(Duration wait, Consumer<String> listener) {
        this.wait = wait;
        this.listener = listener;
    }

    /** Without a word. */
    public static Patience of(Duration wait) {
        return new Patience(wait, _ -> {});
    }

    /** An attempt that is repeated until it works, each time with a time limit. */
    interface Attempt<T> extends Function<Duration, T> {}

    /**
     * Returns the attempt's result as soon as there is one.
     *
     * @param address for people, {@code the Kafka broker at localhost:9092}
     * @throws Unreachable the last attempt's when the time is over; at once if broker or store refuse access
     */
    <T> T until(String address, Attempt<T> attempt) {
        for (var length = FIRST_TRY; ; length = length.compareTo(LONGEST_TRY) < 0 ? length.multipliedBy(2) : length) {
            try {
                return attempt.apply(within(length));
            } catch (Unreachable failure) {
                var left = left();
                if (left.isNegative() || refused(failure.getCause())) {
                    throw told.contains(address) ? failure.after(wait) : failure;
                }
                if (told.add(address)) {
                    listener.accept("waiting up to %s for %s (--wait sets how long)".formatted(seconds(left), address));
                }
                pause();
            }
        }
    }

    private static boolean refused(Throwable failure) {
        return failure instanceof AuthorizationException
                || failure instanceof StoreUnavailable store && store.refused();
    }

    private Duration left() {
        return wait.minusNanos(System.nanoTime() - began);
    }

    private Duration within(Duration length) {
        var left = left();
        return left.compareTo(length) > 0 ? length : left.compareTo(SHORTEST_TRY) > 0 ? left : SHORTEST_TRY;
    }

    private static void pause() {
        try {
            Thread.sleep(PAUSE);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new Unreachable("interrupted", stopped);
        }
    }

    /** For people: {@code 58 s}. */
    static String seconds(Duration duration) {
        return String.format(Locale.ROOT, "%.0f s", Math.ceil(duration.toMillis() / MILLIS));
    }
}
