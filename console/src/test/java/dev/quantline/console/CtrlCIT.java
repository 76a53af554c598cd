package dev.quantline.console;

import dev.quantline.console.stack.LocalStack;
import dev.quantline.embedded.DataFolder;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.ModelFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** The packaged console, interrupted: the job does not go on, and nothing is said but that. */
class CtrlCIT {
    private static final int INTERRUPTED = 130;
    private static final Pattern NOISE = Pattern.compile("Exception|\\tat |terminate|fault|ERROR|WARN");

    @TempDir
    Path folder;

    @BeforeEach
    void aNetworkAndMuchData() throws Exception {
        ModelFile.write(Networks.conv(1), folder.resolve("net.onnx"));
        Data.write(folder.resolve("calibration.npz"), Data.images(4096, 2));
    }

    @ParameterizedTest
    @ValueSource(strings = {"starting broker", "profile", "calibrate"})
    void quantizeCancelsItsJobAndEndsQuietly(String moment) throws Exception {
        // Given a job in a process of its own
        try (var console = quantize("quantize.log", "stopped")) {
            await(console, moment);
            // When it is interrupted
            console.interrupt();
            // Then it ends so, without a word of what broke off
            assertEquals(INTERRUPTED, console.exitCode(), console.text());
            assertFalse(NOISE.matcher(console.text()).find(), console.text());
            assertEquals(
                    !moment.startsWith("starting"), console.text().contains("stopped was cancelled"), console.text());
            // And nobody goes on with the job in this folder
            assertEquals(!moment.startsWith("starting"), isCancelled("stopped"));
            assertTrue(DataFolder.running(folder.resolve(LocalStack.DATA)).isEmpty());
        }
    }

    @Test
    void theSecondCtrlCEndsAtOnce() throws Exception {
        // Given a job under way
        try (var console = quantize("quantize.log", "stopped")) {
            await(console, "profile");
            // When it is interrupted twice
            console.interrupt();
            var second = Instant.now();
            console.interrupt();
            // Then it is gone
            assertEquals(INTERRUPTED, console.exitCode(), console.text());
            assertTrue(Duration.between(second, Instant.now()).toSeconds() < 3, console.text());
            assertFalse(NOISE.matcher(console.text()).find(), console.text());
        }
    }

    @Test
    void aRunningStackLosesOnlyTheJobsOfWhoIsInterrupted() throws Exception {
        // Given a stack, a job there, and somebody who watches it
        try (var up = console("up.log", "up", "--kafka-port", "0", "--s3-port", "0", "--http-port", "0")) {
            await(up, "Quantline is up");
            try (var quantize = quantize("quantize.log", "shared-stack");
                    var watch = console("watch.log", "watch")) {
                await(watch, "shared-stack");
                // When the watcher is interrupted, then the owner, then the stack
                watch.interrupt();
                assertEquals(INTERRUPTED, watch.exitCode(), watch.text());
                // Then the first leaves the job alone, the second takes it along
                assertFalse(isCancelled("shared-stack"), quantize.text());
                quantize.interrupt();
                assertEquals(INTERRUPTED, quantize.exitCode(), quantize.text());
                assertTrue(isCancelled("shared-stack"), quantize.text());
                up.interrupt();
                assertEquals(INTERRUPTED, up.exitCode(), up.text());
                // And all end without noise
                for (var said : List.of(watch.text(), quantize.text(), up.text())) {
                    assertFalse(
                            Pattern.compile("Exception|\\tat |terminate|fault")
                                    .matcher(said)
                                    .find(),
                            said);
                }
                assertTrue(DataFolder.running(folder.resolve(LocalStack.DATA)).isEmpty());
            }
        }
    }

    private boolean isCancelled(String job) throws IOException {
        var store = folder.resolve(LocalStack.DATA).resolve("s3");
        if (!Files.exists(store)) {
            return false;
        }
        try (var files = Files.walk(store)) {
            return files.anyMatch(file -> file.endsWith(Path.of("jobs", job, "cancelled.json")));
        }
    }

    private static void await(ChildProcess process, String words) throws InterruptedException {
        Eventually.get(
                Duration.ofMinutes(2), () -> process.text().contains(words) ? Optional.of(true) : Optional.empty());
    }

    private ChildProcess quantize(String log, String id) throws Exception {
        return console(log, "quantize", "net.onnx", "--data", "calibration.npz", "--recipe", "w4a4", "--id", id);
    }

    private ChildProcess console(String log, String... arguments) throws Exception {
        return ChildProcess.start("console", folder, folder.resolve(log), Map.of(), arguments);
    }
}
