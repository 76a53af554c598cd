package dev.quantline.gradient.train;

import java.io.Serializable;

/** A factor on all learning rates, by step, counted from 0. */
public sealed interface Schedule extends Serializable {
    /** Always 1. */
    record Constant() implements Schedule {}

    /**
     * Rises linearly to 1 over {@code warmUp} steps, then decays along a half cosine to {@code floor} at step
     * {@code steps}.
     */
    record Cosine(int warmUp, int steps, double floor) implements Schedule {}

    /** Decays from 1 to 0 over {@code steps} along a half cosine. */
    static Schedule cosine(int steps) {
        return new Cosine(0, steps, 0);
    }

    /** Factor at {@code step}. */
    default double factor(int step) {
        return switch (this) {
            case Constant() -> 1;
            case Cosine(int warmUp, int steps, double floor) when step < warmUp -> (step + 1.0) / (warmUp + 1);
            case Cosine(int warmUp, int steps, double floor) -> {
                double done = Math.min(1, (step - warmUp) / (double) Math.max(1, steps - warmUp));
                yield floor + (1 - floor) * (1 + Math.cos(Math.PI * done)) / 2;
            }
        };
    }
}
