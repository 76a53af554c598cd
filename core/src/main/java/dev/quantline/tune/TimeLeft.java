package dev.quantline.tune;

import dev.quantline.runtime.Progress;
import java.time.Duration;

/** Adds the time left to messages of progress, at the pace since it began. */
final class TimeLeft implements Progress {
    private static final Duration SETTLED = Duration.ofSeconds(5);

    private final Progress progress;
    private final long start = System.nanoTime();
    private double first = -1;

    TimeLeft(Progress progress) {
        this.progress = progress;
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
        long spent = System.nanoTime() - start;
        double left = spent * (1 - fraction) / (fraction - first) / Duration.ofMinutes(1).toNanos();
        boolean known = spent > SETTLED.toNanos() && fraction > first;
        return !known ? "" : left < 1 ? ", less than a minute left" : ", about " + Math.round(left) + " min left";
    }
}
