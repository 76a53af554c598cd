package dev.quantline.pipeline.stage;

import dev.quantline.pipeline.event.Event.Seconds;
import java.util.Comparator;
import java.util.List;

/**
 * One handling of an event.
 *
 * @param fromMillis    milliseconds since the epoch
 * @param toMillis      milliseconds since the epoch
 * @param computeMillis of these in the stage's own code; the rest went into the store
 */
record Span(long fromMillis, long toMillis, long computeMillis) {
    private static final double MILLIS = 1000;

    /**
     * Where the time from a moment until now went, when these handlings, possibly parallel, happened in between. A moment that is still to
     * come was told by a clock ahead of ours: the first handling stands for it.
     */
    static Seconds account(long sinceMillis, List<Span> spans) {
        return account(sinceMillis, System.currentTimeMillis(), spans);
    }

    static Seconds account(long sinceMillis, long untilMillis, List<Span> spans) {
        var handled = 0L;
        var first = spans.stream().mapToLong(Span::fromMillis).min().orElse(untilMillis);
        var since = sinceMillis > untilMillis ? first : sinceMillis;
        var reached = since;
        for (var span : spans.stream()
                .sorted(Comparator.comparingLong(Span::fromMillis))
                .toList()) {
            handled += Math.max(0, span.toMillis - Math.max(reached, span.fromMillis));
            reached = Math.max(reached, span.toMillis);
        }
        var busy = spans.stream()
                .mapToLong(span -> span.toMillis - span.fromMillis)
                .sum();
        var compute = spans.stream().mapToLong(Span::computeMillis).sum();
        var wall = untilMillis - since;
        return new Seconds(
                wall / MILLIS, compute / MILLIS, (busy - compute) / MILLIS, Math.max(0, wall - handled) / MILLIS);
    }
}
