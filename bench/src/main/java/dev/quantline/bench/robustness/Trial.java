package dev.quantline.bench.robustness;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Judges inputs one after the other on a thread with little stack, each within a time: what recurs without a bound is a stack
 * overflow, what does not end is a failure too. The last of those keeps its thread, which does not keep the process.
 */
final class Trial implements AutoCloseable {
    static final Duration TIME = Duration.ofSeconds(10);
    /** A quarter of what threads have by default. */
    private static final long STACK = 256 << 10;

    private final Target target;
    private final Sandbox sandbox;
    private final ExecutorService thread = Executors.newSingleThreadExecutor(work -> {
        var thread = new Thread(null, work, "trial", STACK);
        thread.setDaemon(true);
        return thread;
    });

    private Trial(Target target, Sandbox sandbox) {
        this.target = target;
        this.sandbox = sandbox;
    }

    static Trial of(Target target) throws IOException {
        return new Trial(target, Sandbox.open());
    }

    /** What becomes of the input; after one that took too long, no more can be judged. */
    Verdict judge(byte[] input) {
        return within(TIME, () -> target.judge(sandbox, input));
    }

    Verdict within(Duration time, Callable<Verdict> judging) {
        try {
            return thread.submit(judging).get(time.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            return Verdict.failed(new TimeoutException("not read within " + time.toSeconds() + " s"));
        } catch (ExecutionException e) {
            return Verdict.failed(e.getCause());
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() throws IOException {
        thread.shutdownNow();
        sandbox.close();
    }
}
