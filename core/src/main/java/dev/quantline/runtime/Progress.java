package dev.quantline.runtime;

/** Hears how far a computation is. Called often; implementations throttle. */
@FunctionalInterface
public interface Progress {
    /**
     * @param fraction done, 0 to 1
     * @param message  what is being done, for people
     * @throws java.util.concurrent.CancellationException to stop the computation here
     */
    void report(double fraction, String message);

    /** Hears nothing. */
    static Progress none() {
        return (fraction, message) -> { };
    }

    /** The part of this progress between two fractions, itself running from 0 to 1. */
    default Progress part(double from, double to) {
        return (fraction, message) -> report(from + (to - from) * fraction, message);
    }
}
