package dev.quantline.console;

import dev.quantline.console.client.Ending;
import dev.quantline.console.client.Patience;
import dev.quantline.console.client.StackClient;
import dev.quantline.console.stack.LocalStack;
import dev.quantline.embedded.DataFolder;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ModelFile;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.net.ConnectException;
import java.net.NetworkInterface;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** The packaged console as a user runs it: one process with everything in it. */
class OneProcessIT {
    @TempDir
    Path folder;

    @BeforeEach
    void aNetworkAndItsData() throws Exception {
        ModelFile.write(Networks.conv(1), folder.resolve("net.onnx"));
        Data.write(folder.resolve("calibration.npz"), Data.images(64, 2));
        Data.write(folder.resolve("validation.npz"), Data.labelled(Networks.conv(1), Data.images(100, 3)));
    }

    @Test
    void quantizeStartsToEndsAndLeavesModelAndReport() throws Exception {
        // Given a folder where no stack runs
        // When a network is quantized there
        try (var console = console(
                "quantize.log",
                "quantize",
                "net.onnx",
                "--data",
                "calibration.npz",
                "--eval",
                "validation.npz",
                "--metric",
                "top1",
                "--out",
                "result",
                "--id",
                "first",
                "--json")) {
            // Then it is done, and every stage said so in one line each
            assertEquals(0, console.exitCode(), console.text());
            var said = console.text();
            for (var stage : List.of("profile", "calibrate", "tune", "export")) {
                assertEquals(
                        1,
                        said.lines()
                                .filter(line -> line.matches(stage + " +done +in .* s"))
                                .count(),
                        said);
            }
            // And the report on standard output is the one in the folder
            var report =
                    Json.MAPPER.readTree(folder.resolve("result/report.json").toFile());
            assertTrue(said.contains(report.toPrettyString()), said);
            assertTrue(report.at("/quantized/metric/value").asDouble() > 0.8, said);
            assertEquals(
                    Files.size(folder.resolve("result/model.onnx")),
                    report.at("/quantized/bytes").asLong());
            assertTrue(Files.exists(folder.resolve("result/report.html")));
        }
    }

    @Test
    void aMissedGoalEndsWithThreeAndTheJobCanBeAllocatedAgain() throws Exception {
        // Given a goal that weights of 2 and 3 bits cannot keep
        Files.writeString(folder.resolve("recipe.json"), """
                {"preset": "mixed", "tune": {"layers": "off"}, "goal": {"drop": 0}, "allocate": {"bits": [2, 3], "size": 0.95}}""");
        // When the network is quantized for it
        try (var console = console(
                "goal.log",
                "quantize",
                "net.onnx",
                "--data",
                "calibration.npz",
                "--eval",
                "validation.npz",
                "--metric",
                "top1",
                "--recipe",
                "recipe.json",
                "--out",
                "missed",
                "--id",
                "missed")) {
            // Then the best model is there, and it is said that the goal was missed
            assertEquals(3, console.exitCode(), console.text());
            assertEquals(
                    "goal-missed",
                    Json.MAPPER
                            .readTree(folder.resolve("missed/report.json").toFile())
                            .path("status")
                            .asText());
            assertTrue(Files.exists(folder.resolve("missed/model.onnx")));
        }
        var stored = objects();
        // When the job is given another budget
        try (var console = console("again.log", "allocate", "missed", "--size", "1", "--json")) {
            // Then a model within it is made of what the store holds, and the report printed is the one in the folder
            assertEquals(0, console.exitCode(), console.text());
            var report = Json.MAPPER.readTree(
                    folder.resolve("out/missed-1.0/report.json").toFile());
            assertTrue(console.text().contains(report.toPrettyString()), console.text());
            assertTrue(
                    report.at("/quantized/bytes").asLong()
                            <= report.at("/float/bytes").asLong(),
                    console.text());
        }
        // And nothing of the job was computed again
        assertEquals(stored, objects());
    }

    @Test
    void dataThatCannotBeUsedEndsWithTwoAndNamesTheInput() throws Exception {
        // Given data of another network
        Data.write(folder.resolve("rows.npz"), Data.rows(8, 1));
        // When it is quantized with them
        try (var console = console("refused.log", "quantize", "net.onnx", "--data", "rows.npz")) {
            // Then the missing input is named
            assertEquals(2, console.exitCode(), console.text());
            assertTrue(console.text().contains("image"), console.text());
        }
    }

    @Test
    void namesActNowhereKeysAreToldNowhereAndNobodyElseIsListenedTo() throws Exception {
        // Given a stack, a network whose names are meant to act, and data with and without its input
        ModelFile.write(HostileNetwork.graph(), folder.resolve("hostile.onnx"));
        Data.write(folder.resolve("hostile.npz"), HostileNetwork.rows(64, 1));
        Data.write(folder.resolve("other.npz"), Data.rows(64, 1));
        try (var up = console("up.log", "up", "--kafka-port", "0", "--s3-port", "0", "--http-port", "0")) {
            awaitStack();
            Eventually.get(
                    Duration.ofMinutes(2),
                    () -> up.text().contains("Quantline is up") ? Optional.of(true) : Optional.empty());
            // When it is quantized, once in vain
            try (var done = console(
                    "done.log", "quantize", "hostile.onnx", "--data", "hostile.npz", "--id", "done", "--out", "out")) {
                assertEquals(0, done.exitCode(), done.text());
            }
            try (var failed = console("failed.log", "quantize", "hostile.onnx", "--data", "other.npz", "--id", "bad")) {
                assertEquals(2, failed.exitCode(), failed.text());
                assertTrue(failed.text().contains("x\\u001b]0;pwn\\u0007"), failed.text());
            }
            try (var watch = console("watch.log", "watch", "done", "--json");
                    var jobs = console("jobs.log", "jobs")) {
                assertEquals(0, watch.exitCode(), watch.text());
                assertEquals(0, jobs.exitCode(), jobs.text());
            }
            // Then health and metrics are for this machine alone, as broker and store are
            var http = Pattern.compile("http://127.0.0.1:(\\d+)/q/health").matcher(up.text());
            assertTrue(http.find(), up.text());
            for (var address : NetworkInterface.networkInterfaces()
                    .flatMap(NetworkInterface::inetAddresses)
                    .filter(one -> !one.isLoopbackAddress() && !one.isLinkLocalAddress())
                    .toList()) {
                assertThrows(
                        ConnectException.class, () -> new Socket(address, Integer.parseInt(http.group(1))).close());
            }
            up.askToStop();
            up.exitCode();
        }
        // And whatever was said or written is text, and holds no key
        var secret =
                Files.readAllLines(data().resolve("s3-keys.env")).getLast().replaceFirst("^AWS_SECRET_ACCESS_KEY=", "");
        assertEquals(64, secret.length());
        var log = Files.readString(data().resolve("quantline.log"));
        assertTrue(log.contains("the job cannot be done") && log.contains("x\\u001b]0;pwn\\u0007"), log);
        for (var name : List.of(
                "up.log",
                "done.log",
                "failed.log",
                "watch.log",
                "jobs.log",
                "out/report.json",
                ".quantline/quantline.log")) {
            HostileNetwork.assertHarmless(name, Files.readString(folder.resolve(name)));
        }
        var page = Files.readString(folder.resolve("out/report.html"));
        var inPage = page.substring(page.indexOf("const report = "), page.indexOf("// Writes the report"));
        HostileNetwork.assertHarmless("report.html", inPage);
        assertFalse(inPage.contains("<"), inPage);
        try (var files = Files.walk(folder)) {
            for (var file : files.filter(Files::isRegularFile).toList()) {
                assertEquals(
                        file.endsWith("s3-keys.env"),
                        new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1).contains(secret),
                        file.toString());
            }
        }
    }

    @Test
    void aJobCutShortGoesOnAfterARestart() throws Exception {
        // Given a stack with a job of many samples, killed in the middle of it
        Data.write(folder.resolve("calibration.npz"), Data.images(4096, 2));
        try (var up = console("up.log", "up", "--kafka-port", "0", "--s3-port", "0", "--http-port", "0")) {
            awaitStack();
            try (var second = console("second.log", "up")) {
                assertEquals(2, second.exitCode(), second.text());
                assertTrue(second.text().contains("another stack already runs"), second.text());
            }
            try (var quantize =
                    console("cut.log", "quantize", "net.onnx", "--data", "calibration.npz", "--id", "cut-short")) {
                Eventually.get(
                        Duration.ofMinutes(1),
                        () -> quantize.text().contains("profile") ? Optional.of(true) : Optional.empty());
                up.kill();
            }
            assertTrue(!up.text().contains("export"), up.text());
        }

        // When the stack is started again
        try (var up = console("again.log", "up", "--kafka-port", "0", "--s3-port", "0", "--http-port", "0")) {
            awaitStack();
            try (var client = connect()) {
                // Then the job is finished without being submitted again
                assertInstanceOf(Ending.Done.class, client.watch("cut-short", _ -> {}));
                assertEquals("done", client.report("cut-short").path("status").asText());
                // And a job that nobody submitted is told from it
                assertTrue(assertThrows(BadInput.class, () -> client.request("nobody"))
                        .getMessage()
                        .contains("no job 'nobody'"));
            }
            up.askToStop();
            up.exitCode();
            assertTrue(DataFolder.running(data()).isEmpty(), "the folder is free after an orderly stop");
        }
    }

    private StackClient connect() throws IOException {
        return StackClient.connect(
                LocalStack.connection(DataFolder.running(data()).orElseThrow()), Patience.of(LocalStack.STARTING));
    }

    private void awaitStack() throws InterruptedException {
        Eventually.get(Duration.ofMinutes(2), () -> {
            try (var client = connect()) {
                return Optional.of(client.jobs());
            }
        });
    }

    /** Every object of the store with the time it was written. */
    private Map<Path, FileTime> objects() throws IOException {
        var objects = new TreeMap<Path, FileTime>();
        try (var files = Files.walk(data().resolve("s3"))) {
            for (var file : files.filter(Files::isRegularFile).toList()) {
                objects.put(file, Files.getLastModifiedTime(file));
            }
        }
        return objects;
    }

    private Path data() {
        return folder.resolve(LocalStack.DATA);
    }

    private ChildProcess console(String log, String... arguments) throws Exception {
        return ChildProcess.start("console", folder, folder.resolve(log), Map.of(), arguments);
    }
}
