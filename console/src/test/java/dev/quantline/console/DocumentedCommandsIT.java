package dev.quantline.console;

import dev.quantline.console.client.Connection;
import dev.quantline.console.stack.LocalStack;
import dev.quantline.embedded.DataFolder;
import dev.quantline.fixture.Checkout;
import dev.quantline.pipeline.job.JobReader;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/**
 * Every block of commands in README and docs, run as it stands there: those of one page one after the other in one folder, which has the
 * files that the page takes for given. Only the addresses of broker, store and health are those of the stack that the page started.
 */
class DocumentedCommandsIT {
    private static final Pattern FENCE = Pattern.compile("```(\\w*)\n(.*?)```", Pattern.DOTALL);
    private static final Pattern COMMAND =
            Pattern.compile("(?m)^(\\$ |\\./quantline |kcat |aws |curl |docker |mvn |pip |npm )");
    /** What needs a tool of Debian's packages: skipped where it is not installed. */
    private static final List<String> TOOLS = List.of("kcat", "aws", "jq", "curl");
    /** Beginnings of blocks that are not run, and why. */
    private static final Map<String, String> NOT_RUN = Map.ofEntries(
            Map.entry("pip install", "Python and Node are no part of the tests"),
            Map.entry("./quantline dist", "is what DistributionIT does"),
            Map.entry("./quantline mvn", "needs a container engine, and builds what is being tested"),
            Map.entry("docker ", "needs a container engine"),
            Map.entry("./quantline up broker", "is what PartsIT does"),
            Map.entry("kubectl ", "needs a cluster"),
            Map.entry("deploy/proof/run", "needs a cluster"),
            Map.entry("for copy in a b", "builds the project twice"),
            Map.entry("moves=(", "trains for an hour"),
            Map.entry("./quantline bench", "trains for an hour"),
            Map.entry("QUANTLINE_GPU=1", "needs a GPU, and 742 MB of libraries"));

    private static final Duration BLOCK_TAKES_AT_MOST = Duration.ofMinutes(10);

    @TempDir
    Path folder;

    private final List<ChildProcess> started = new ArrayList<>();

    @AfterEach
    void stop() {
        started.forEach(ChildProcess::close);
    }

    @TestFactory
    Stream<DynamicNode> everyBlockOfCommandsRuns() throws IOException {
        return pages().map(page -> DynamicContainer.dynamicContainer(
                page.name(),
                page.commands()
                        .map(block -> DynamicTest.dynamicTest(
                                block.lines().findFirst().orElseThrow(), () -> run(page, block)))));
    }

    @TestFactory
    Stream<DynamicTest> otherBlocksHoldNoCommandsAndJsonIsJson() throws IOException {
        return pages().map(page -> DynamicTest.dynamicTest(page.name(), () -> {
            for (var found = FENCE.matcher(page.text()); found.find(); ) {
                if (!found.group(1).equals("bash")) {
                    assertFalse(COMMAND.matcher(found.group(2)).find(), () -> "not marked as bash: " + found.group(2));
                }
                if (found.group(1).equals("json")) {
                    var json = Json.MAPPER.readTree(found.group(2));
                    if (json.has("calibration")) {
                        assertEquals(
                                json.path("id").asText(),
                                JobReader.read(json, "job").id());
                    }
                }
            }
        }));
    }

    private void run(Page page, String block) throws Exception {
        NOT_RUN.forEach(
                (beginning, reason) -> Assumptions.assumeFalse(block.startsWith(beginning), "skipped: " + reason));
        for (var tool : TOOLS) {
            Assumptions.assumeTrue(
                    !Pattern.compile("(?m)(^|\\| )" + tool + " ").matcher(block).find() || isThere(tool),
                    () -> "skipped: " + tool + " is not on this machine");
        }
        var place = page.folder(folder);
        if (block.startsWith("./quantline up")) {
            up(place);
            return;
        }
        if (block.contains("kcat ") && running(place).isEmpty()) {
            up(place);
            upload(place, "vit.onnx", "calibration.npz", "validation.npz");
        }
        var said = place.resolve("said.log");
        var process = new ProcessBuilder("bash", "-e", "-o", "pipefail", "-c", here(place, block))
                .directory(place.toFile())
                .redirectErrorStream(true)
                .redirectOutput(said.toFile());
        process.environment()
                .put("QUANTLINE_SHARED", place.resolve("no-labelled-data").toString());
        var running = process.start();
        try {
            assertTrue(running.waitFor(BLOCK_TAKES_AT_MOST.toSeconds(), TimeUnit.SECONDS), () -> "still running");
        } finally {
            running.descendants().forEach(ProcessHandle::destroyForcibly);
            running.destroyForcibly();
        }
        assertEquals(0, running.exitValue(), Files.readString(said));
    }

    /** The stack of a page: free ports, since the usual ones may be taken. */
    private void up(Path place) throws Exception {
        started.add(ChildProcess.start(
                "console",
                place,
                place.resolve("up.log"),
                Map.of(),
                "up",
                "--kafka-port",
                "0",
                "--s3-port",
                "0",
                "--http-port",
                "0"));
        Eventually.get(
                Duration.ofMinutes(3),
                () -> Files.readString(place.resolve("up.log")).contains("Quantline is up")
                        ? Optional.of(true)
                        : Optional.empty());
    }

    /** Puts files where the requests of the page look for them. */
    private void upload(Path place, String... files) throws Exception {
        var to = running(place).orElseThrow();
        try (var store = to.store(Files.createDirectories(folder.resolve("cache")))) {
            for (var file : files) {
                store.put("inputs/" + file, place.resolve(file));
            }
        }
    }

    private static Optional<Connection> running(Path place) throws IOException {
        return DataFolder.running(place.resolve(LocalStack.DATA)).map(LocalStack::connection);
    }

    /** The commands with the addresses of the stack that runs in this folder. */
    private static String here(Path place, String block) throws IOException {
        var connection = running(place);
        if (connection.isEmpty()) {
            return block;
        }
        var http = Pattern.compile("http://127.0.0.1:([1-9]\\d+)/q/health")
                .matcher(Files.readString(place.resolve("up.log")));
        assertTrue(http.find());
        return block.replaceAll(
                        "(127\\.0\\.0\\.1|localhost):9092", connection.get().kafka())
                .replace("http://127.0.0.1:9000", connection.get().s3().toString())
                .replace("127.0.0.1:8080", "127.0.0.1:" + http.group(1));
    }

    private static boolean isThere(String tool) {
        return Pattern.compile(":")
                .splitAsStream(System.getenv("PATH"))
                .anyMatch(place -> Files.isExecutable(Path.of(place, tool)));
    }

    private static Stream<Page> pages() throws IOException {
        var root = Checkout.root();
        try (var docs = Files.list(root.resolve("docs"))) {
            var pages = new ArrayList<>(List.of(root.resolve("README.md"), root.resolve("deploy/README.md")));
            docs.filter(file -> file.toString().endsWith(".md")).sorted().forEach(pages::add);
            return pages.stream().map(file -> new Page(root.relativize(file).toString(), read(file)));
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    /** A page of documentation. */
    private record Page(String name, String text) {
        Stream<String> commands() {
            return FENCE.matcher(text)
                    .results()
                    .filter(block -> block.group(1).equals("bash"))
                    .map(block -> block.group(2));
        }

        /** The folder of this page, with its files and a {@code ./quantline} that starts what is being tested. */
        Path folder(Path parent) throws IOException {
            var place = parent.resolve(name.replaceAll("\\W", "-"));
            if (!Files.exists(place)) {
                Files.createDirectories(place);
                PageFiles.write(place);
                var command = String.join("' '", ChildProcess.command("console", Map.of()));
                // 'test' is what runs this.
                var launcher = Files.writeString(place.resolve("quantline"), """
                        #!/bin/sh
                        [ "$1" = test ] || exec '%s' "$@"
                        """.formatted(command));
                assertTrue(launcher.toFile().setExecutable(true));
            }
            return place;
        }
    }
}
