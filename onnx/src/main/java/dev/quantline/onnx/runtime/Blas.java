package dev.quantline.onnx.runtime;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;

/**
 * The kernels of ND4J's OpenBLAS. Left to itself it takes those of the newest instructions it knows, so that sums differ from processor
 * to processor, and the version that ND4J carries factorises matrices of doubles wrongly on some with AVX-512. With the kernels for AVX2
 * every x86 processor that has it computes the same, correctly.
 *
 * <p>OpenBLAS asks the environment once, when it is loaded: every class that uses ND4J calls {@link #settle} before.
 */
public final class Blas {
    private static final String VARIABLE = "OPENBLAS_CORETYPE";

    static {
        if (System.getenv(VARIABLE) == null && Processor.current().has("avx2")) {
            set(VARIABLE, "Haswell");
        }
    }

    private Blas() {}

    /** Chooses the kernels unless the user has, in the variable {@code OPENBLAS_CORETYPE}; needed before ND4J is first used. */
    public static void settle() {
        // Loading this class does it, once.
    }

    /** {@code setenv(3)}: the environment that {@link System#getenv} shows is a copy that native libraries do not see. */
    private static void set(String name, String value) {
        var linker = Linker.nativeLinker();
        var setenv = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("setenv"),
                FunctionDescriptor.of(
                        ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
        try (var arena = Arena.ofConfined()) {
            int failed = (int) setenv.invokeExact(arena.allocateFrom(name), arena.allocateFrom(value), 1);
            if (failed != 0) {
                throw new IllegalStateException("the environment takes no " + name);
            }
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }
}
