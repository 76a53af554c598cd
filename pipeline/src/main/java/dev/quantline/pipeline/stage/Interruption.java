package dev.quantline.pipeline.stage;

import dev.quantline.onnx.runtime.ProcessEnding;
import java.nio.channels.ClosedByInterruptException;
import java.util.Objects;
import java.util.concurrent.RejectedExecutionException;
import java.util.stream.Stream;

/** A stage that is interrupted did not fail: that is how a service is stopped. */
public final class Interruption {
    private Interruption() {}

    /** Whether an interrupted thread, a pool of threads that takes no more work, or the end of the process is behind a failure. */
    public static boolean caused(Throwable failure) {
        return Stream.iterate(failure, Objects::nonNull, Throwable::getCause)
                .anyMatch(cause -> cause instanceof InterruptedException
                        || cause instanceof ClosedByInterruptException
                        || cause instanceof RejectedExecutionException
                        || cause instanceof ProcessEnding);
    }
}
