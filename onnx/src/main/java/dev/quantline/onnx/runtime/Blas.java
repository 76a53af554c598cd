package dev.quantline.onnx.runtime;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;

/**
 * Selects the kernels of ND4J's OpenBLAS. By default it uses those for the newest instructions it knows, so that sums differ between
 * processors, and the version in ND4J factorizes double matrices incorrectly on some processors with AVX-512. With the kernels for AVX2,
 * every x86 processor that has it computes the same, correct results.
 *
 * <p>OpenBLAS reads the environment once, when it is loaded, so every class that uses ND4J calls {@link #settle} first.
 */
public final class Blas {
    private static final String VARIABLE = "OPENBLAS_CORETYPE";

    static {
        if (System.getenv(VARIABLE) == null && Processor.current().has("avx2")) {
            set(VARIABLE, "Haswell");
        }
    }

    private Blas() {}

    /** Selects the kernels, unless the user did so in the variable {@code OPENBLAS_CORETYPE}; must precede the first use of ND4J. */
    public static void settle() {
        // Loading this class does it, once.
    }

    /** {@code setenv(3)}: the environment of {@link System#getenv} is a copy that native libraries do not see. */
    private static void set(String name, String value) {
        var linker = Linker.nativeLinker();
        var setenv = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("setenv"),
                FunctionDescriptor.of(
                        ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
        try (var arena = Arena.ofConfined()) {
            int failed = (int) setenv.invokeExact(arena.allocateFrom(name), arena.allocateFrom(value), 1);
            if (failed != 0) {
                throw new IllegalStateException("cannot set the environment variable " + name);
            }
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }
}
