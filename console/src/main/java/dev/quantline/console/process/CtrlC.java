package dev.quantline.console.process;

import dev.quantline.onnx.runtime.NativeCalls;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Deque;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntSupplier;
import java.util.logging.ConsoleHandler;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.jboss.logmanager.ExtHandler;
import sun.misc.Signal;

/**
 * What Ctrl-C, or a request to end, does: the actions registered here run, computations in ONNX Runtime stop, the command is
 * interrupted and cleans up, all within seconds and silently; then the process exits. A second Ctrl-C exits at once.
 */
public final class CtrlC {
    /** The convention of shells: 128 plus the signal's number. */
    private static final int SIGNALLED = 128;

    private static final Duration ACTION = Duration.ofSeconds(4);
    private static final Duration RUNS = Duration.ofSeconds(3);
    /** For a command that leaves nothing behind but what is deleted in passing. */
    private static final Duration LEAVING = Duration.ofSeconds(1);

    private static final Duration CLEANING = Duration.ofSeconds(10);

    private static final Deque<Runnable> ACTIONS = new ConcurrentLinkedDeque<>();
    private static final AtomicInteger UNTIDY = new AtomicInteger();
    private static final AtomicInteger STARTING = new AtomicInteger();
    private static final AtomicBoolean UNDER_WAY = new AtomicBoolean();
    private static final CountDownLatch COMMAND_ENDED = new CountDownLatch(1);

    /** An action to run on Ctrl-C until this is closed. */
    public interface Registration extends AutoCloseable {
        @Override
        void close();
    }

    private CtrlC() {}

    /**
     * Runs a command in this thread and exits with its exit code, or with that of the signal.
     *
     * @param command answers with its exit code
     */
    public static void guard(IntSupplier command) {
        var thread = Thread.currentThread();
        for (var name : new String[] {"INT", "TERM"}) {
            Signal.handle(new Signal(name), signal -> end(thread, SIGNALLED + signal.getNumber()));
        }
        var code = command.getAsInt();
        COMMAND_ENDED.countDown();
        if (!UNDER_WAY.get()) {
            Exit.inOrder(code);
        }
        // The thread of the signal leaves.
        forever();
    }

    /** Ends this process, as a request would, once standard input ends: whoever started it closed that, or is gone. */
    public static void withStandardInput() {
        Thread.ofPlatform().daemon().name("quantline-input").start(() -> {
            try {
                System.in.transferTo(OutputStream.nullOutputStream());
            } catch (IOException gone) {
                // The end, as well.
            }
            if (!isUnderWay()) {
                Signal.raise(new Signal("TERM"));
            }
        });
    }

    /** Registers an action for Ctrl-C, to run before those registered earlier. */
    public static Registration first(Runnable action) {
        ACTIONS.addFirst(action);
        return () -> ACTIONS.remove(action);
    }

    /** Says that the command must clean up at its end, a broker for instance, and gives it time for that. */
    public static Registration untidy() {
        UNTIDY.incrementAndGet();
        return UNTIDY::decrementAndGet;
    }

    /** Says that the command is starting something that must not be interrupted and needs no clean-up. */
    public static Registration starting() {
        STARTING.incrementAndGet();
        return STARTING::decrementAndGet;
    }

    /** Whether the process ends on request: failures are then a consequence and not worth reporting. */
    public static boolean isUnderWay() {
        return UNDER_WAY.get();
    }

    private static void end(Thread command, int code) {
        if (!UNDER_WAY.compareAndSet(false, true)) {
            Exit.atOnce(code);
        }
        silenceOthers();
        if (STARTING.get() > 0) {
            Exit.atOnce(code);
        }
        ACTIONS.forEach(action -> within(ACTION, action));
        NativeCalls.stop(Duration.ZERO);
        command.interrupt();
        if (ended() && NativeCalls.stop(RUNS)) {
            Exit.inOrder(code);
        } else {
            Exit.atOnce(code);
        }
    }

    private static boolean ended() {
        try {
            return COMMAND_ENDED.await((UNTIDY.get() > 0 ? CLEANING : LEAVING).toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /** The log file goes on. */
    private static void silenceOthers() {
        Thread.setDefaultUncaughtExceptionHandler((thread, failure) -> {});
        for (var handler : Logger.getLogger("").getHandlers()) {
            if (handler instanceof ExtHandler several) {
                for (var one : several.getHandlers()) {
                    if (one instanceof ConsoleHandler || one instanceof org.jboss.logmanager.handlers.ConsoleHandler) {
                        one.setLevel(Level.OFF);
                    }
                }
            }
        }
        System.setErr(new PrintStream(OutputStream.nullOutputStream()));
    }

    private static void within(Duration patience, Runnable action) {
        var thread = Thread.ofPlatform().daemon().name("quantline-ctrl-c").start(action);
        try {
            thread.join(patience);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    private static void forever() {
        while (true) {
            LockSupport.park();
        }
    }
}
