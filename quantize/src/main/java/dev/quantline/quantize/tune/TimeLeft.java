package dev.quantline.quantize.tune;

import dev.quantline.onnx.runtime.Progress;
import java.time.Duration;
import java.util.function.LongSupplier;

/** Adds the time left to progress messages, extrapolated from the pace since the first of them: preparation says nothing about it. */
final class TimeLeft implements Progress {
    private static final Duration SETTLED = Duration.ofSeconds(5);
    /** Fraction of the whole; less progress is not enough to extrapolate from. */
    private static final double ENOUGH = .01;

    private final Progress progress;
    private final LongSupplier clock;
    private long start;
    private double first = -1;

    /** @param clock in nanoseconds */
    TimeLeft(Progress progress, LongSupplier clock) {
        this.progress = progress;
        this.clock = clock;
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
        if (first < 0) {
            first = fraction;
            start = clock.getAsLong();
        }
        long spent = clock.getAsLong() - start;
        double left = spent
                * (1 - fraction)
                / (fraction - first)
                / Duration.ofMinutes(1).toNanos();
        boolean known = spent > SETTLED.toNanos() && fraction - first >= ENOUGH;
        return !known ? "" : left < 1 ? ", less than a minute left" : ", about " + Math.round(left) + " min left";
    }
}
