package dev.quantline.onnx.runtime;

import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;

/** Calls stay stopped: tried in a separate process. */
class NativeCallsTest {
    private static final int SAMPLES = 20_000;

    /** Stops a run of many samples, and prints what happened. */
    static final class Child {
        public static void main(String[] arguments) throws Exception {
            var begun = new CountDownLatch(1);
            var network = Networks.conv(1);
            var images = Map.of(
                    "image",
                    new Tensor(
                            DataType.FLOAT,
                            new long[] {SAMPLES, 3, 8, 8},
                            ByteBuffer.allocateDirect(SAMPLES * 3 * 8 * 8 * Float.BYTES)));
            try (var session = Session.open(network, Provider.cpu(), Session.Optimization.ALL)) {
                var runs = Thread.ofPlatform().start(() -> {
                    try {
                        begun.countDown();
                        while (true) {
                            session.run(images);
                        }
                    } catch (ProcessEnding ending) {
                        System.out.println("the run ended");
                    }
                });
                begun.await();
                Thread.sleep(200);
                System.out.println(NativeCalls.stop(Duration.ofSeconds(20)) ? "nothing is left" : "something is left");
                runs.join();
                try {
                    session.run(images);
                } catch (ProcessEnding ending) {
                    System.out.println("none begins");
                }
            }
        }
    }

    @Test
    void whatRunsIsStoppedAndNothingBegins() throws Exception {
        // Given a process that runs a network again and again
        var process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Child.class.getName())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        // When it stops its calls
        var said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
                .lines()
                .sorted()
                .toList();
        // Then the run in progress ends, and no other begins
        assertEquals(List.of("none begins", "nothing is left", "the run ended"), said);
        assertEquals(0, process.waitFor());
    }
}
