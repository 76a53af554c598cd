package dev.quantline.bench.robustness;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** What counts as a failure does count as one. */
class TrialTest {
    private static Verdict.Kind thrown(RuntimeException thrown) throws IOException {
        try (var sandbox = Sandbox.open()) {
            return Target.judge(
                            sandbox,
                            new byte[0],
                            (_, _) -> {
                                throw thrown;
                            },
                            Set.of(IllegalArgumentException.class))
                    .kind();
        }
    }

    @Test
    void onlyADocumentedExceptionThatSaysSomethingIsARefusal() throws IOException {
        assertEquals(Verdict.Kind.REFUSED, thrown(new IllegalArgumentException("tensor 'w' is damaged")));
        assertEquals(Verdict.Kind.FAILED, thrown(new IllegalArgumentException("damaged")));
        assertEquals(Verdict.Kind.FAILED, thrown(new IllegalArgumentException((String) null)));
        assertEquals(Verdict.Kind.FAILED, thrown(new NullPointerException("tensor 'w' is damaged")));
        // A subclass may be one of Java's own, such as NumberFormatException.
        assertEquals(Verdict.Kind.FAILED, thrown(new NumberFormatException("tensor 'w' is damaged")));
    }

    @Test
    void recursionWithoutABoundAndAnInputWithoutAnEndAreFailures() throws IOException {
        var never = new CountDownLatch(1);
        try (var trial = Trial.of(Target.EVENT)) {
            var deep = trial.within(Trial.TIME, () -> {
                endless(0);
                return Verdict.ACCEPTED;
            });
            var slow = trial.within(Duration.ofMillis(50), () -> {
                never.await();
                return Verdict.ACCEPTED;
            });

            assertTrue(deep.fault().orElseThrow() instanceof StackOverflowError, deep.reason());
            assertTrue(slow.reason().contains("not read within"), slow.reason());
        }
    }

    private static int endless(int depth) {
        return 1 + endless(depth + 1);
    }

    @Test
    void whatLeavesTheFolderIsNoticed() throws IOException {
        try (var sandbox = Sandbox.open()) {
            var file = sandbox.write("x", new byte[0]);
            var sung = "anary! canary! c".getBytes(StandardCharsets.US_ASCII);
            sandbox.check();
            Sandbox.refuseCanary("w", Tensor.of(DataType.UINT8, new byte[64], 64));
            assertThrows(
                    Sandbox.Escape.class,
                    () -> Sandbox.refuseCanary("w", Tensor.of(DataType.UINT8, sung, sung.length)));

            var outside = file.getParent().resolveSibling("new");
            Files.writeString(outside, "");

            assertThrows(Sandbox.Escape.class, sandbox::check);
            Files.delete(outside);
            Files.writeString(file.getParent().resolveSibling(Sandbox.CANARY), "silent");
            assertThrows(Sandbox.Escape.class, sandbox::check);
        }
    }

    @Test
    void nothingIsLeftOfASandbox() throws IOException {
        var sandbox = Sandbox.open();
        var file = sandbox.write("x", new byte[0]);

        sandbox.close();

        assertFalse(Files.exists(file.getParent().getParent()));
    }
}
