package dev.quantline.quantize.allocate;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/** The Pareto front: the best allocation for each size, from the smallest file to that without a limit. */
public final class Pareto {
    private static final int STEPS = 16;
    private static final Duration LIMIT = Duration.ofSeconds(2);

    private Pareto() {}

    /**
     * Solves for evenly spaced sizes.
     *
     * @param limits limits that every plan has to keep besides its size
     * @return allocations of increasing size and decreasing loss
     */
    public static List<Allocation> front(Table table, Budget limits) {
        var rest = new Budget(null, limits.bitOperations(), limits.milliseconds(), null, limits.pinned());
        var smallest = Allocator.solve(table, rest.smallest(), LIMIT);
        var best = Allocator.solve(table, rest, LIMIT);
        var bySize = new TreeMap<Long, Allocation>();
        for (int step = 0; step <= STEPS; step++) {
            long room = smallest.bytes() + (best.bytes() - smallest.bytes()) * step / STEPS;
            var found = Allocator.solve(table, rest.withBytes(room), LIMIT);
            bySize.merge(found.bytes(), found, (one, other) -> one.loss() <= other.loss() ? one : other);
        }
        var front = new ArrayList<Allocation>();
        for (var allocation : bySize.values()) {
            if (front.isEmpty() || allocation.loss() < front.getLast().loss()) {
                front.add(allocation);
            }
        }
        return front;
    }
}
