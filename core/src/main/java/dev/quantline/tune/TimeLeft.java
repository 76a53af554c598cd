package dev.quantline.tune;

import dev.quantline.runtime.Progress;
import java.time.Duration;
import java.util.function.LongSupplier;

/** Adds the time left to messages of progress, at the pace since it began. */
final class TimeLeft implements Progress {
    private static final Duration SETTLED = Duration.ofSeconds(5);

    private final Progress progress;
    private final LongSupplier clock;
    private final long start;
    private double first = -1;

    /** @param clock nanoseconds */
    TimeLeft(Progress progress, LongSupplier clock) {
        this.progress = progress;
        this.clock = clock;
        start = clock.getAsLong();
    }

    @Override
    public void report(double fraction, String message) {
        progress.report(fraction, message + left(fraction));
    }

    @Override
    public void report(double fraction, String message, Learning learning) {
        progress.report(fraction, message + left(fraction), learning);
    }

    private String left(double fraction) {
        first = first < 0 ? fraction : first;
        long spent = clock.getAsLong() - start;
        double left = spent * (1 - fraction) / (fraction - first) / Duration.ofMinutes(1).toNanos();
        boolean known = spent > SETTLED.toNanos() && fraction > first;
        return !known ? "" : left < 1 ? ", less than a minute left" : ", about " + Math.round(left) + " min left";
    }
}
