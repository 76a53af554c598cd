package dev.quantline.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quantline.console.client.StackClient;
import dev.quantline.console.stack.LocalStack;
import dev.quantline.embedded.DataFolder;
import dev.quantline.fixture.Checkout;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.ModelFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** README's commands for other people's tools, run as they stand there: only the addresses are those of this stack. */
class PastedCommandsIT {
    private static final Pattern BLOCK = Pattern.compile("### With other people's tools.*?```bash\n(.*?)```", Pattern.DOTALL);

    @TempDir
    Path folder;

    @Test
    void aJobGoesThroughKcatAndAnS3Client() throws Exception {
        // Given those tools, a running stack, and files with the names in README
        for (var tool : List.of("bash", "kcat", "aws", "jq")) {
            Assumptions.assumeTrue(isThere(tool), () -> "skipped: " + tool + " is not on this machine");
        }
        ModelFile.write(Networks.conv(1), folder.resolve("resnet20.onnx"));
        Data.write(folder.resolve("calibration.npz"), Data.images(64, 2));
        try (var up = ChildProcess.start("console", folder, folder.resolve("up.log"), Map.of(), "up", "--kafka-port", "0", "--s3-port", "0",
                "--http-port", "0")) {
            var connection = Eventually.get(Duration.ofMinutes(2), () -> {
                var running = LocalStack.connection(DataFolder.running(folder.resolve(LocalStack.DATA)).orElseThrow());
                try (var client = StackClient.connect(running)) {
                    client.jobs();
                    return Optional.of(running);
                }
            });
            // When the block is pasted
            var commands = block().replace("127.0.0.1:9092", connection.kafka())
                    .replace("http://127.0.0.1:9000", connection.s3().toString());
            assertTrue(!commands.contains(":9092") && !commands.contains(":9000"), commands);
            var log = folder.resolve("pasted.log");
            var process = new ProcessBuilder("bash", "-e", "-o", "pipefail", "-c", commands).directory(folder.toFile())
                    .redirectErrorStream(true).redirectOutput(log.toFile()).start();
            assertTrue(process.waitFor(2, TimeUnit.MINUTES), () -> "still running");
            // Then every command succeeds, and the model is here
            assertEquals(0, process.exitValue(), Files.readString(log));
            assertEquals(17, ModelFile.read(folder.resolve("model.onnx")).opset());
        }
    }

    private static String block() throws IOException {
        var found = BLOCK.matcher(Files.readString(Checkout.root().resolve("README.md")));
        assertTrue(found.find(), "README has no such block");
        return found.group(1);
    }

    private static boolean isThere(String tool) {
        return Pattern.compile(":").splitAsStream(System.getenv("PATH")).anyMatch(place -> Files.isExecutable(Path.of(place, tool)));
    }
}
