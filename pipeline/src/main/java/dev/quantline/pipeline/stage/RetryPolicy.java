package dev.quantline.pipeline.stage;

/** How often something is tried that the outside world can spoil. */
@FunctionalInterface
public interface RetryPolicy {
    /** Runs the body until it succeeds, fails for a reason that will not go away, or was tried often enough. */
    void run(Runnable body);

    /** One attempt. */
    static RetryPolicy once() {
        return Runnable::run;
    }
}
