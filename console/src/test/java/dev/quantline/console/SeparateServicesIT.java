package dev.quantline.console;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.console.client.Ending;
import dev.quantline.console.client.Patience;
import dev.quantline.console.client.StackClient;
import dev.quantline.console.stack.LocalStack;
import dev.quantline.embedded.DataFolder;
import dev.quantline.embedded.EmbeddedStack;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobReader;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Recipe;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** The four services as they are deployed, each a process, the exporter three, against a broker and a store in this one. */
class SeparateServicesIT {
    @TempDir
    static Path folder;

    private static EmbeddedStack stack;
    private static List<ChildProcess> services;
    private static StackClient client;

    @BeforeAll
    static void startEverything() throws Exception {
        stack = EmbeddedStack.start(folder.resolve("data"), EmbeddedStack.Ports.free());
        var connection = LocalStack.connection(stack.addresses());
        services = new ArrayList<>();
        for (var module : List.of(
                "profiler-service",
                "calibrator-service",
                "tuner-service",
                "exporter-service",
                "exporter-service",
                "exporter-service")) {
            String name = module + services.size();
            services.add(ChildProcess.start(
                    module,
                    folder,
                    folder.resolve(name + ".log"),
                    Map.of(
                            "kafka.bootstrap.servers", connection.kafka(),
                            "quantline.store.endpoint", connection.s3().toString(),
                            "quantline.work.folder",
                                    folder.resolve("work").resolve(name).toString(),
                            "quarkus.http.port", "0"),
                    Map.of(
                            "QUANTLINE_STORE_ACCESS_KEY",
                                    connection.access().keys().orElseThrow().access(),
                            "QUANTLINE_STORE_SECRET_KEY",
                                    connection.access().keys().orElseThrow().secret())));
        }
        client = StackClient.connect(connection, Patience.of(Duration.ofMinutes(2)));
    }

    @AfterAll
    static void stopEverything() throws Exception {
        if (client != null) {
            client.close();
        }
        services.forEach(ChildProcess::askToStop);
        for (var service : services) {
            service.exitCode();
        }
        stack.close();
    }

    @Test
    void aJobPassesThroughFourProcesses() throws Exception {
        // Given a network and its data in the store
        var request = request("four-processes", Networks.conv(1), Data.images(64, 2), Data.images(32, 3));
        // When the request is published
        var events = new ArrayList<Event>();
        var ending = client.run(request, events::add);
        // Then every stage reports progress and completion, in order
        assertInstanceOf(Ending.Done.class, ending, () -> logs());
        assertEquals(
                List.of(StageName.values()),
                events.stream()
                        .filter(Event.Completed.class::isInstance)
                        .map(event -> ((Event.Completed) event).stage())
                        .toList());
        assertTrue(events.stream().anyMatch(Event.Progress.class::isInstance), events::toString);
        // And the model runs, with the inputs and outputs it had, and the report tells its figures
        client.download(request.id(), folder.resolve("result"));
        try (var session = Session.open(
                ModelFile.read(folder.resolve("result/model.onnx")), Provider.cpu(), Session.Optimization.ALL)) {
            assertEquals(10, session.run(Data.images(5, 4)).get("logits").dim(1));
        }
        var report = client.report(request.id());
        assertEquals("done", report.path("status").asText());
        assertTrue(report.at("/fidelity/cosine").asDouble() > 0.9, report::toPrettyString);
        assertEquals(
                Files.size(folder.resolve("result/model.onnx")),
                report.at("/quantized/bytes").asLong());
        assertEquals(
                request.id(),
                client.jobs().stream()
                        .filter(job -> job.state().equals("done"))
                        .findFirst()
                        .orElseThrow()
                        .id());
    }

    @Test
    void aBrokenJobSaysWhyAndTheNextOneRuns() throws Exception {
        // Given data without the network's input, then proper data
        var broken = request("broken-data", Networks.mlp(1), Data.images(8, 2), Data.images(8, 3));
        var sound = request("sound-data", Networks.mlp(1), Data.rows(32, 2), Data.rows(16, 3));
        // When both are run
        var first = client.run(broken, _ -> {});
        var second = client.run(sound, _ -> {});
        // Then the first names the input that is missing and the second is done
        var reason = assertInstanceOf(Ending.Failed.class, first, () -> logs()).event();
        assertTrue(reason.reason().contains("'x'") && !reason.retryable(), reason::toString);
        assertInstanceOf(Ending.Done.class, second, () -> logs());
        assertTrue(services.stream().allMatch(ChildProcess::isAlive));
    }

    @Test
    void everyPresetGivesTheSameBytesInAnotherProcessWithOneReplica() throws Exception {
        // Given one more process, of its own broker and store, that is all services once
        var alone = Files.createDirectory(folder.resolve("alone"));
        try (var up = ChildProcess.start(
                "console",
                alone,
                folder.resolve("alone.log"),
                Map.of(),
                "up",
                "--kafka-port",
                "0",
                "--s3-port",
                "0",
                "--http-port",
                "0")) {
            try (var other = Eventually.get(
                    Duration.ofMinutes(2),
                    () -> Optional.of(StackClient.connect(
                            LocalStack.connection(DataFolder.running(alone.resolve(LocalStack.DATA))
                                    .orElseThrow()),
                            Patience.of(LocalStack.STARTING))))) {
                for (String preset : presets()) {
                    // When a job with this preset goes through both, under another name
                    var here = model(client, "here-" + preset, preset);
                    var there = model(other, "there-" + preset, preset);
                    // Then they leave the same file
                    assertEquals(-1, Arrays.mismatch(here, there), preset);
                    assertTrue(here.length > 0);
                }
            }
            up.askToStop();
            up.exitCode();
        }
    }

    private static List<String> presets() throws IOException {
        try (var presets = Recipe.class.getResourceAsStream("presets.json")) {
            var names = new ArrayList<String>();
            Json.MAPPER.readTree(presets).fieldNames().forEachRemaining(names::add);
            return names;
        }
    }

    /** The bytes of the model that a preset makes of a small network, trained in a few steps. */
    private static byte[] model(StackClient stack, String id, String preset) throws IOException {
        var request = (ObjectNode)
                Json.tree(request(stack, id, Networks.transformer(1), Data.tokens(48, 9, 2), Data.tokens(16, 9, 3)));
        var recipe = request.putObject("recipe").put("preset", preset);
        recipe.putObject("tune").putObject("training").put("steps", 5).put("batch", 8);
        if (preset.equals("mixed")) {
            recipe.putObject("allocate").put("size", 0.53);
        }
        assertInstanceOf(Ending.Done.class, stack.run(JobReader.read(request, id), _ -> {}), () -> logs());
        var result = folder.resolve(id + "-result");
        stack.download(id, result);
        return Files.readAllBytes(result.resolve("model.onnx"));
    }

    private static JobRequest request(
            String id, Graph network, Map<String, Tensor> calibration, Map<String, Tensor> evaluation)
            throws IOException {
        return request(client, id, network, calibration, evaluation);
    }

    private static JobRequest request(
            StackClient client,
            String id,
            Graph network,
            Map<String, Tensor> calibration,
            Map<String, Tensor> evaluation)
            throws IOException {
        var inputs = Files.createDirectories(folder.resolve(id));
        ModelFile.write(network, inputs.resolve("model.onnx"));
        Data.write(inputs.resolve("calibration.npz"), calibration);
        Data.write(inputs.resolve("evaluation.npz"), evaluation);
        JsonNode request = Json.MAPPER
                .createObjectNode()
                .put("id", id)
                .put("model", client.upload(inputs, List.of("model.onnx")).toString())
                .put(
                        "calibration",
                        client.upload(inputs, List.of("calibration.npz")).toString())
                .set(
                        "evaluation",
                        Json.MAPPER
                                .createObjectNode()
                                .put(
                                        "data",
                                        client.upload(inputs, List.of("evaluation.npz"))
                                                .toString()));
        return JobReader.read(request, id);
    }

    private static String logs() {
        try (Stream<Path> files = Files.list(folder)) {
            var text = new StringBuilder();
            for (var log :
                    files.filter(file -> file.toString().endsWith(".log")).toList()) {
                text.append(log.getFileName()).append('\n').append(Files.readString(log));
            }
            return text.toString();
        } catch (IOException failure) {
            return failure.toString();
        }
    }
}
