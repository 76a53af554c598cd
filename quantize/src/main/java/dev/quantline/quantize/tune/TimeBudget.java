package dev.quantline.quantize.tune;

import java.util.Map;
import java.util.TreeMap;
import java.util.function.DoubleSupplier;
import java.util.function.LongSupplier;

/**
 * Shares the time that is left out among the subgraphs that are left (ours): a subgraph takes as many steps as fit into its share.
 * What was chosen is kept, so that a run that goes on from a checkpoint takes the steps it began with.
 */
final class TimeBudget {
    /** No limit. */
    static final TimeBudget NONE = new TimeBudget(Double.POSITIVE_INFINITY, 0, () -> 0);

    private static final int LEAST = 20;
    /** Further ones have not been seen to help. */
    private static final int MOST = 2000;
    /** Of the time, for what comes after training. */
    private static final double RESERVED = 0.1;

    private static final double NANOS = 1e9;

    private final double seconds;
    private final double used;
    private final LongSupplier clock;
    private final long started;
    private final Map<String, Integer> chosen = new TreeMap<>();

    /**
     * @param used  seconds that are gone by now
     * @param clock nanoseconds
     */
    TimeBudget(double seconds, double used, LongSupplier clock) {
        this.seconds = seconds;
        this.used = used;
        this.clock = clock;
        started = clock.getAsLong();
    }

    /**
     * Steps of a subgraph.
     *
     * @param left   subgraphs that are left, this one included
     * @param usual  what it takes without a limit
     * @param aStep  seconds a step, asked when they have to be known
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

    /** Steps by subgraph, for a checkpoint. */
    Map<String, Integer> chosen() {
        return chosen;
    }

    void restore(Map<String, Integer> steps) {
        chosen.putAll(steps);
    }
}
