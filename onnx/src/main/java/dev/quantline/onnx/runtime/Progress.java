package dev.quantline.onnx.runtime;

/** Hears how far a computation is. Called often; implementations throttle. */
@FunctionalInterface
public interface Progress {
    /**
     * @param fraction done, 0 to 1
     * @param message  what is being done, for people
     * @throws java.util.concurrent.CancellationException to stop the computation here
     */
    void report(double fraction, String message);

    /**
     * The same of a training step, for those who draw its curve.
     *
     * @throws java.util.concurrent.CancellationException to stop the computation here
     */
    default void report(double fraction, String message, Learning learning) {
        report(fraction, message);
    }

    /**
     * A point of a training curve.
     *
     * @param part    what is being trained; empty for everything
     * @param step    steps taken
     * @param steps   steps in all
     * @param loss    of the step's batch; null before the first
     * @param heldOut loss on samples that are not trained on; null where it was not measured
     */
    record Learning(String part, int step, int steps, Double loss, Double heldOut) {}

    /** Hears nothing. */
    static Progress none() {
        return (fraction, message) -> {};
    }

    /** The part of this progress between two fractions, itself running from 0 to 1. */
    default Progress part(double from, double to) {
        return new ProgressPart(this, from, to, "", "");
    }

    /**
     * This progress of one thing among several.
     *
     * @param what begins its messages
     * @param part names what is being trained
     */
    default Progress of(String what, String part) {
        return new ProgressPart(this, 0, 1, what + ": ", part);
    }
}
