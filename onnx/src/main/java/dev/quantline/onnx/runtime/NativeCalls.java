package dev.quantline.onnx.runtime;

import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession.RunOptions;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * The calls of this process into ONNX Runtime, whose environment is destroyed with the process: calls in progress would then crash
 * it, so a process that ends early stops them first.
 */
public final class NativeCalls {
    /** Read-locked by every call, write-locked to wait for the last one. */
    private static final ReentrantReadWriteLock CALLS = new ReentrantReadWriteLock();

    private static final Set<RunOptions> RUNS = new HashSet<>();
    private static volatile boolean stopped;

    /** A call into ONNX Runtime. */
    interface Call<T> {
        T run() throws OrtException;
    }

    private NativeCalls() {}

    /**
     * Ends all calls for good: runs in progress stop after their current operator, and later ones fail with {@link ProcessEnding}.
     *
     * @return whether none is left; loading a model cannot be interrupted, so it may take longer than {@code patience}
     */
    public static boolean stop(Duration patience) {
        stopped = true;
        try {
            synchronized (RUNS) {
                for (var run : RUNS) {
                    run.setTerminate(true);
                }
            }
            if (!CALLS.writeLock().tryLock(patience.toMillis(), TimeUnit.MILLISECONDS)) {
                return false;
            }
            CALLS.writeLock().unlock();
            return true;
        } catch (OrtException e) {
            throw new IllegalStateException("ONNX Runtime cannot be stopped", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    static boolean areStopped() {
        return stopped;
    }

    /** Makes a call unless all calls were stopped. */
    static <T> T make(Call<T> call) throws OrtException {
        // Also before locking: a thread that waits for the last call must not wait for one that began inside another,
        // in another thread.
        refuseWhereStopped();
        CALLS.readLock().lock();
        try {
            refuseWhereStopped();
            return call.run();
        } finally {
            CALLS.readLock().unlock();
        }
    }

    private static void refuseWhereStopped() {
        if (stopped) {
            throw new ProcessEnding(null);
        }
    }

    /** The options through which the runs of one session are stopped. */
    static RunOptions open() throws OrtException {
        synchronized (RUNS) {
            var options = new RunOptions();
            RUNS.add(options);
            return options;
        }
    }

    static void close(RunOptions options) {
        synchronized (RUNS) {
            RUNS.remove(options);
            options.close();
        }
    }
}
