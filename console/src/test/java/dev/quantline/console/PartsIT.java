package dev.quantline.console;

import dev.quantline.console.client.Ending;
import dev.quantline.console.client.Patience;
import dev.quantline.console.client.StackClient;
import dev.quantline.console.stack.LocalStack;
import dev.quantline.embedded.DataFolder;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.ModelFile;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobReader;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** The packaged console in parts: broker and store of one command, services of others, each part a process of its own. */
class PartsIT {
    private static final Pattern UP = Pattern.compile("(?m)^the (\\w+) is up, process (\\d+): ");
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    @TempDir
    Path folder;

    @Test
    void replicasShareAJobComeBackWhenTheyAreKilledAndEndWithTheirParent() throws Exception {
        // Given broker and store of one command, two profilers of a second, and the other services of a third
        try (var servers = console("servers.log", "up", "broker", "store", "--kafka-port", "0", "--s3-port", "0")) {
            up(servers, "broker", "store");
            try (var profilers = console("profilers.log", "up", "profiler", "--replicas", "2", "--http-port", "0");
                    var others = console("others.log", "up", "calibrator", "tuner", "exporter", "--http-port", "0")) {
                var replicas = up(profilers, "profiler", "profiler");
                var rest = up(others, "calibrator", "exporter", "tuner");
                // When a job is run
                try (var client = StackClient.connect(
                        LocalStack.connection(DataFolder.running(folder.resolve(LocalStack.DATA))
                                .orElseThrow()),
                        Patience.of(LocalStack.STARTING))) {
                    var working = new TreeSet<String>();
                    var listed = new TreeSet<String>();
                    var ending = client.run(job(client), event -> {
                        if (event instanceof Event.Progress progress && progress.stage() == StageName.PROFILE) {
                            working.add(progress.attempt().orElseThrow().replica());
                            client.jobs().stream()
                                    .flatMap(job -> job.work().stream())
                                    .forEach(work -> listed.add(work.attempt().replica()));
                        }
                    });
                    // Then it is done, by both profilers, as events and the list of jobs say
                    assertInstanceOf(Ending.Done.class, ending);
                    assertEquals(names(replicas), working);
                    assertTrue(listed.containsAll(names(replicas)), listed::toString);
                }
                // And a replica that is killed is replaced
                replicas.getFirst().destroyForcibly();
                var replaced = up(profilers, "profiler", "profiler", "profiler");
                assertTrue(profilers.text().contains("ended of signal 9; another one starts in 1 s"), profilers.text());
                // And nobody is left behind by a parent that is killed, or by one that is asked to stop
                profilers.kill();
                others.askToStop();
                assertEquals(143, others.exitCode(), others.text());
                awaitEnd(replaced);
                awaitEnd(rest);
            }
            servers.interrupt();
            assertEquals(130, servers.exitCode(), servers.text());
            awaitEnd(up(servers, "broker", "store"));
            assertTrue(DataFolder.running(folder.resolve(LocalStack.DATA)).isEmpty());
        }
    }

    /** The processes of the parts that a command has said so far to be up, as soon as they are these, in the order of their names. */
    private static List<ProcessHandle> up(ChildProcess command, String... parts) throws Exception {
        return Eventually.get(PATIENCE, () -> {
                    var said = UP.matcher(command.text()).results().toList();
                    return said.stream()
                                    .map(line -> line.group(1))
                                    .sorted()
                                    .toList()
                                    .equals(List.of(parts))
                            ? Optional.of(said)
                            : Optional.<List<MatchResult>>empty();
                })
                .stream()
                .flatMap(line -> ProcessHandle.of(Long.parseLong(line.group(2))).stream())
                .toList();
    }

    /** What replicas are called unless somebody gives them names. */
    private static Set<String> names(List<ProcessHandle> replicas) throws IOException {
        var machine = Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
        return replicas.stream()
                .map(replica -> machine + "-" + replica.pid())
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static void awaitEnd(List<ProcessHandle> processes) throws InterruptedException {
        Eventually.get(
                Duration.ofSeconds(20),
                () -> processes.stream().noneMatch(ProcessHandle::isAlive) ? Optional.of(true) : Optional.empty());
    }

    /** With eight items to profile. */
    private JobRequest job(StackClient client) throws Exception {
        ModelFile.write(Networks.conv(1), folder.resolve("net.onnx"));
        Data.write(folder.resolve("data.npz"), Data.images(2048, 2));
        var request = Json.MAPPER
                .createObjectNode()
                .put("model", client.upload(folder, List.of("net.onnx")).toString())
                .put("calibration", client.upload(folder, List.of("data.npz")).toString())
                .put("recipe", "w8a8-fast");
        return JobReader.read(request, "in-parts");
    }

    private ChildProcess console(String log, String... arguments) throws Exception {
        // Few partitions: each is a folder of the broker and a thing to assign.
        return ChildProcess.start(
                "console",
                folder,
                folder.resolve(log),
                Map.of(),
                Map.of("QUANTLINE_TOPICS_WORK_PARTITIONS", "8"),
                arguments);
    }
}
