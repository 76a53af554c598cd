package dev.quantline.bench.robustness;

import java.util.List;
import java.util.random.RandomGenerator;

/** Where a mutator takes its decisions from: the same numbers, the same decisions. */
record Choices(RandomGenerator random) {
    /** A number from 0 to {@code bound}, exclusive. */
    int below(int bound) {
        return random.nextInt(bound);
    }

    <T> T of(List<T> all) {
        return all.get(below(all.size()));
    }
}
