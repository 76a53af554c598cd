package dev.quantline.data;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/**
 * Which samples are taken, and in what order; the same seed gives the same ones.
 *
 * @param limit samples at most; 0 for all
 */
public record Subset(int limit, long seed) {
    /** The samples in random order, so that any part cut off or held out is as mixed as the whole. */
    public <T> List<T> shuffled(List<T> all) {
        var mixed = new ArrayList<>(all);
        Collections.shuffle(mixed, new Random(seed));
        return limit == 0 || limit >= mixed.size() ? mixed : List.copyOf(mixed.subList(0, limit));
    }

    /** Which of {@code count} samples are taken, in the order in which they come. */
    public BitSet chosen(int count) {
        var chosen = new BitSet(count);
        var random = new Random(seed);
        // Floyd's: each set of this size is as likely as any other.
        int wanted = limit == 0 ? count : Math.min(limit, count);
        for (int last = count - wanted; last < count; last++) {
            int pick = random.nextInt(last + 1);
            chosen.set(chosen.get(pick) ? last : pick);
        }
        return chosen;
    }
}
