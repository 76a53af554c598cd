package dev.quantline.quantize.tune;

import java.util.Map;
import java.util.TreeMap;
import java.util.function.DoubleSupplier;
import java.util.function.LongSupplier;

/**
 * Divides the remaining time among the remaining subgraphs (ours): a subgraph takes as many steps as fit into its share. Choices
 * are remembered, so that a run resumed from a checkpoint takes the steps that it began with.
 */
final class TimeBudget {
    /** No limit. */
    static final TimeBudget NONE = new TimeBudget(Double.POSITIVE_INFINITY, 0, () -> 0);

    private static final int LEAST = 20;
    /** More steps have not been seen to help. */
    private static final int MOST = 2000;
    /** Fraction of the time reserved for what follows training. */
    private static final double RESERVED = 0.1;

    private static final double NANOS = 1e9;

    private final double seconds;
    private final double used;
    private final LongSupplier clock;
    private final long started;
    private final Map<String, Integer> chosen = new TreeMap<>();

    /**
     * @param used  seconds already used
     * @param clock in nanoseconds
     */
    TimeBudget(double seconds, double used, LongSupplier clock) {
        this.seconds = seconds;
        this.used = used;
        this.clock = clock;
        started = clock.getAsLong();
    }

    /**
     * The number of steps for a subgraph.
     *
     * @param left   number of subgraphs left, including this one
     * @param usual  steps if there is no time limit
     * @param aStep  seconds per step, called only when needed
     */
    int steps(String subgraph, int left, int usual, DoubleSupplier aStep) {
        if (Double.isInfinite(seconds)) {
            return usual;
        }
        return chosen.computeIfAbsent(subgraph, first -> {
            double each = aStep.getAsDouble();
            double share = ((1 - RESERVED) * seconds - used - (clock.getAsLong() - started) / NANOS) / left;
            return each <= 0 ? LEAST : (int) Math.clamp(share / each, LEAST, MOST);
        });
    }

    /** Steps per subgraph, for a checkpoint. */
    Map<String, Integer> chosen() {
        return chosen;
    }

    void restore(Map<String, Integer> steps) {
        chosen.putAll(steps);
    }
}
