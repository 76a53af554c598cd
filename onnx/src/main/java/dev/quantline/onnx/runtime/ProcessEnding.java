package dev.quantline.onnx.runtime;

/**
 * The process is ending and ONNX Runtime, which ends with it, failed for no other reason: nothing is wrong with the model or the data,
 * and another process may succeed with the same call.
 */
public final class ProcessEnding extends RuntimeException {
    private static final long serialVersionUID = 1;
    private static final Thread NEVER_ADDED = Thread.ofPlatform().unstarted(() -> {});

    public ProcessEnding(Throwable cause) {
        super("the process is ending", cause);
    }

    /** The exception for a failure of ONNX Runtime: the failure itself, or this one if the process is ending. */
    static RuntimeException or(RuntimeException failure) {
        return isUnderWay() ? new ProcessEnding(failure) : failure;
    }

    /** The JVM only answers indirectly: hooks can no longer be removed once it has begun to run them. */
    private static boolean isUnderWay() {
        if (NativeCalls.areStopped()) {
            return true;
        }
        try {
            Runtime.getRuntime().removeShutdownHook(NEVER_ADDED);
            return false;
        } catch (IllegalStateException shutdownInProgress) {
            return true;
        }
    }
}
