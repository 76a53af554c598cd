package dev.quantline.onnx.runtime;

import dev.quantline.onnx.BadInput;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;

/** The meaning of a failure of ONNX Runtime depends on when it happens. */
class ProcessEndingTest {
    /** Prints the exception for a rejected model while the process runs, and while it ends. */
    static final class Child {
        public static void main(String[] arguments) {
            Runtime.getRuntime().addShutdownHook(new Thread(Child::say));
            say();
        }

        private static void say() {
            System.out.println(
                    ProcessEnding.or(new BadInput("refused")).getClass().getSimpleName());
        }
    }

    @Test
    void aRefusalWhileTheProcessEndsIsNobodysFault() throws IOException {
        // Given a process
        var process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Child.class.getName())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        // When it runs and ends
        var said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        // Then only the first rejection is the fault of the input
        assertEquals("BadInput\nProcessEnding", said.strip());
    }
}
