package dev.quantline.gradient.train;

import java.io.Serializable;

/** Factor on all learning rates, by step counted from 0. */
public sealed interface Schedule extends Serializable {
    /** Always 1. */
    record Constant() implements Schedule {}

    /**
     * Rises in a straight line to 1 over {@code warmUp} steps, then falls along half a cosine to {@code floor} at step
     * {@code steps}.
     */
    record Cosine(int warmUp, int steps, double floor) implements Schedule {}

    /** Falls from 1 to 0 over {@code steps} along half a cosine. */
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
