package dev.quantline.pipeline.stage;

/** How often to try something that may fail because of the environment. */
@FunctionalInterface
public interface RetryPolicy {
    /** Runs the body until it succeeds, fails permanently, or was tried often enough. */
    void run(Runnable body);

    /** One attempt. */
    static RetryPolicy once() {
        return Runnable::run;
    }
}
