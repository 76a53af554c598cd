package dev.quantline.console.process;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;

/**
 * Ways to exit the process. However the JVM exits, even through {@code Runtime.halt}, it ends in {@code exit(3)}, which destroys the
 * static objects of native libraries, and library threads that still run then abort the process. So the C library is told to exit
 * before that.
 */
public final class Exit {
    private static final Duration HOOKS = Duration.ofSeconds(5);
    private static final Linker LINKER = Linker.nativeLinker();

    private Exit() {}

    /** Runs the shutdown hooks, which delete temporary files, and exits; never returns. */
    public static void inOrder(int code) {
        leaveBeforeDestructors();
        Thread.ofPlatform().daemon().name("quantline-exit").start(() -> {
            sleep(HOOKS);
            atOnce(code);
        });
        System.exit(code);
    }

    /** Leaves without running anything more; never returns. */
    public static void atOnce(int code) {
        System.out.flush();
        System.err.flush();
        LINKER.defaultLookup().find("_exit").ifPresent(function -> {
            try {
                LINKER.downcallHandle(function, FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT))
                        .invokeExact(code);
            } catch (Throwable failure) {
                throw new IllegalStateException(failure);
            }
        });
        Runtime.getRuntime().halt(code);
    }

    /** {@code on_exit(_exit, NULL)}: what is registered last is called first, with the exit code. Only glibc has it. */
    private static void leaveBeforeDestructors() {
        var lookup = LINKER.defaultLookup();
        lookup.find("on_exit").ifPresent(register -> {
            try {
                int failed = (int) LINKER.downcallHandle(
                                register,
                                FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS))
                        .invokeExact(lookup.findOrThrow("_exit"), MemorySegment.NULL);
                assert failed == 0 : "glibc promises 32 of them";
            } catch (RuntimeException | Error failure) {
                throw failure;
            } catch (Throwable failure) {
                throw new IllegalStateException(failure);
            }
        });
    }

    private static void sleep(Duration duration) {
        try {
            Thread.sleep(duration);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }
}
