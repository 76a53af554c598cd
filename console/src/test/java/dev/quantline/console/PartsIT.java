package dev.quantline.console;

import dev.quantline.console.client.Ending;
import dev.quantline.console.client.Patience;
import dev.quantline.console.client.StackClient;
import dev.quantline.console.stack.LocalStack;
import dev.quantline.embedded.DataFolder;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.ModelFile;
import dev.quantline.pipeline.job.JobReader;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.quantize.settings.Json;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
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
                    var ending = client.run(job(client), _ -> {});
                    // Then it is done
                    assertInstanceOf(Ending.Done.class, ending);
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

    private static void awaitEnd(List<ProcessHandle> processes) throws InterruptedException {
        Eventually.get(
                Duration.ofSeconds(20),
                () -> processes.stream().noneMatch(ProcessHandle::isAlive) ? Optional.of(true) : Optional.empty());
    }

    /** With eight items to profile. */
    private JobRequest job(StackClient client) throws Exception {
        ModelFile.write(Networks.mlp(1), folder.resolve("net.onnx"));
        Data.write(folder.resolve("data.npz"), Data.rows(2048, 2));
        var request = Json.MAPPER
                .createObjectNode()
                .put("model", client.upload(folder, List.of("net.onnx")).toString())
                .put("calibration", client.upload(folder, List.of("data.npz")).toString())
                .put("recipe", "w8a8-fast");
        return JobReader.read(request, "in-parts");
    }

    private ChildProcess console(String log, String... arguments) throws Exception {
        return ChildProcess.start("console", folder, folder.resolve(log), Map.of(), arguments);
    }
}
