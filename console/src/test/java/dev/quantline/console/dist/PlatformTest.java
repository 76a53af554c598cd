package dev.quantline.console.dist;

import dev.quantline.onnx.BadInput;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Entries as the libraries of the console have them. */
class PlatformTest {
    private static final Platform X86 = new Platform("linux", "x86_64");
    private static final Platform ARM = new Platform("linux", "aarch64");

    @Test
    void whereALibraryIsMissingItIsSaid() {
        assertEquals(X86, X86.supported());
        for (var other : List.of(ARM, new Platform("mac os x", "aarch64"), new Platform("windows 11", "x86_64"))) {
            var refusal = assertThrows(BadInput.class, other::supported);
            assertTrue(
                    refusal.getMessage().startsWith("this is " + other + ", and linux-x86_64 alone"),
                    refusal::getMessage);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "native/lib/linux-x86_64/cpu/libtokenizers.so",
                "net/jpountz/util/linux/amd64/liblz4-java.so",
                "ai/onnxruntime/native/linux-x64/libonnxruntime.so",
                "com/sun/jna/linux-x86-64/libjnidispatch.so",
                "org/jline/nativ/Linux/x86_64/libjlinenative.so",
                "ortools-linux-x86-64/libortools.so.9",
                "org/bytedeco/openblas/linux-x86_64/libopenblas_nolapack.so.0",
                "org/nd4j/linalg/cpu/nativecpu/bindings/linux-x86_64/libnd4jcpu.so"
            })
    void nativesOfAPlatformAreForeignOnOthers(String entry) {
        assertFalse(X86.isForeign(entry));
        assertTrue(ARM.isForeign(entry));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "native/lib/osx-aarch64/cpu/libtokenizers.dylib",
                "native/lib/win-x86_64/cpu/libwinpthread-1.dll",
                "ai/onnxruntime/native/osx-aarch64/libonnxruntime.dylib.dSYM/Contents/Resources/DWARF/libonnxruntime.dylib",
                "ai/onnxruntime/native/win-x64/onnxruntime.pdb",
                "com/sun/jna/aix-ppc64/libjnidispatch.a",
                "com/sun/jna/win32-x86-64/jnidispatch.dll",
                "com/sun/jna/linux-x86/libjnidispatch.so",
                "com/sun/jna/sunos-sparc/libjnidispatch.so",
                "org/jline/nativ/Mac/x86_64/libjlinenative.jnilib",
                "org/xerial/snappy/native/Linux/x86_64-musl/libsnappyjava.so",
                "org/xerial/snappy/native/FreeBSD/x86_64/libsnappyjava.so",
                "freebsd/amd64/libzstd-jni-1.5.6-10.so",
                "linux/loongarch64/libzstd-jni-1.5.6-10.so"
            })
    void nativesOfOtherSystemsAndProcessorsAreForeign(String entry) {
        assertTrue(X86.isForeign(entry));
        assertTrue(ARM.isForeign(entry));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "org/nd4j/windows/Window.class",
                "META-INF/MANIFEST.MF",
                "com/sun/jna/win32/StdCall.class",
                "lib/libnobody-knows.so",
                "darwin/notes.txt"
            })
    void everythingElseIsKept(String entry) {
        assertFalse(X86.isForeign(entry));
        assertFalse(ARM.isForeign(entry));
    }
}
