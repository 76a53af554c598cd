package dev.quantline.onnx.runtime;

/** Receives the progress of a computation. Called often; implementations throttle. */
@FunctionalInterface
public interface Progress {
    /**
     * @param fraction fraction done, 0 to 1
     * @param message  the current activity, for users
     * @throws java.util.concurrent.CancellationException to stop the computation
     */
    void report(double fraction, String message);

    /**
     * The same for a training step, for implementations that plot its curve.
     *
     * @throws java.util.concurrent.CancellationException to stop the computation
     */
    default void report(double fraction, String message, Learning learning) {
        report(fraction, message);
    }

    /**
     * A point of a training curve.
     *
     * @param part    what is being trained; empty for everything
     * @param step    number of steps taken
     * @param steps   total number of steps
     * @param loss    loss on the batch of the step; null before the first
     * @param heldOut loss on held-out samples; null if not measured
     */
    record Learning(String part, int step, int steps, Double loss, Double heldOut) {}

    /** Ignores all reports. */
    static Progress none() {
        return (fraction, message) -> {};
    }

    /** The part of this progress between two fractions, which itself runs from 0 to 1. */
    default Progress part(double from, double to) {
        return new ProgressPart(this, from, to, "", "");
    }

    /**
     * This progress for one of several things.
     *
     * @param what prefix of its messages
     * @param part name of what is being trained
     */
    default Progress of(String what, String part) {
        return new ProgressPart(this, 0, 1, what + ": ", part);
    }
}
