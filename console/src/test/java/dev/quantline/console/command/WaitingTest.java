package dev.quantline.console.command;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.console.stack.LocalStack;
import dev.quantline.embedded.EmbeddedStack;
import dev.quantline.embedded.StoreKeys;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.ModelFile;
import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.store.Keys;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.NewTopic;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** What commands do where broker or store do not answer yet, or never. */
class WaitingTest {
    @TempDir
    Path folder;

    @Test
    void aBrokerThatComesLaterIsWaitedFor() throws Exception {
        // Given addresses where a stack will be in three seconds
        int kafka = freePort();
        int s3 = freePort();
        StoreKeys keys;
        try (var earlier = EmbeddedStack.start(folder.resolve("stack"), EmbeddedStack.Ports.free())) {
            keys = earlier.addresses().keys();
        }
        var coming = CompletableFuture.supplyAsync(
                () -> start(kafka, s3), CompletableFuture.delayedExecutor(3, TimeUnit.SECONDS));
        // When its jobs are asked for
        var said = Said.by(
                "jobs",
                "--kafka",
                "127.0.0.1:" + kafka,
                "--s3",
                "http://127.0.0.1:" + s3,
                "--s3-access-key",
                keys.accessKey(),
                "--s3-secret-key",
                keys.secretKey());
        coming.join().close();
        // Then they come, and it was said once what was waited for, and how long that would be done
        assertEquals(0, said.code(), said.err());
        assertTrue(said.out().startsWith("job "), said.out());
        assertTrue(
                waits(said)
                        .getFirst()
                        .matches("waiting up to \\d\\d s for the Kafka broker at 127.0.0.1:" + kafka + " .*--wait.*"),
                said.err());
        assertEquals(
                1, waits(said).stream().filter(line -> line.contains("broker")).count(), said.err());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "jobs",
                "submit job.json",
                "watch some-job",
                "cancel some-job",
                "quantize net.onnx --data data.npz",
                "allocate some-job --size 0.5"
            })
    void aBrokerThatNeverComesEndsWithTwo(String command) throws Exception {
        // Given a port that nobody listens on
        ModelFile.write(Networks.mlp(1), folder.resolve("net.onnx"));
        Data.write(folder.resolve("data.npz"), Data.rows(8, 1));
        Files.writeString(folder.resolve("job.json"), """
                {"model": "s3://quantline/inputs/m.onnx", "calibration": "s3://quantline/inputs/c.npz"}""");
        var nobody = "127.0.0.1:" + freePort();
        var began = Instant.now();
        // When a command needs the broker there
        var words = Stream.of(
                        Stream.of(command.split(" "))
                                .map(word -> word.contains(".") && !word.startsWith("0")
                                        ? folder.resolve(word).toString()
                                        : word),
                        Stream.of("--kafka", nobody, "--s3", "http://" + nobody, "--wait", "3"),
                        Stream.of("--s3-access-key", "any", "--s3-secret-key", "any"))
                .flatMap(part -> part)
                .toArray(String[]::new);
        var said = Said.by(words);
        // Then it gives up in time and says where it looked, and how long
        assertEquals(2, said.code(), said.err());
        assertTrue(
                said.err()
                        .lines()
                        .toList()
                        .getLast()
                        .matches("quantline: the Kafka broker at " + nobody + " cannot be reached .*"
                                + "check --kafka.*waited 3 s.*"),
                said.err());
        assertEquals(1, waits(said).size(), said.err());
        assertTrue(Duration.between(began, Instant.now()).toSeconds() < 10);
    }

    @Test
    void aStoreThatDoesNotAnswerIsNamed() throws Exception {
        // Given a broker without a store
        int kafka = freePort();
        var nobody = "http://127.0.0.1:" + freePort();
        try (var stack = start(kafka, 0)) {
            // When the jobs are asked for
            var said = Said.by(
                    "jobs",
                    "--kafka",
                    stack.addresses().bootstrapServers(),
                    "--s3",
                    nobody,
                    "--wait",
                    "3s",
                    "--s3-access-key",
                    "any",
                    "--s3-secret-key",
                    "any");
            // Then the store is what was waited for
            assertEquals(2, said.code(), said.err());
            assertTrue(waits(said).getLast().contains("for the object store at " + nobody), said.err());
            assertTrue(
                    said.err().lines().toList().getLast().contains("the object store at " + nobody + " failed"),
                    said.err());
        }
    }

    @Test
    void wrongKeysAreNotWaitedWith() throws Exception {
        // Given a stack
        try (var stack = start(freePort(), 0)) {
            // When it is entered with other keys
            var said = Said.by(
                    "jobs",
                    "--kafka",
                    stack.addresses().bootstrapServers(),
                    "--s3",
                    stack.addresses().s3Endpoint().toString(),
                    "--s3-access-key",
                    stack.addresses().keys().accessKey(),
                    "--s3-secret-key",
                    "other");
            // Then the store's no is final
            assertEquals(2, said.code(), said.err());
            assertTrue(waits(said).stream().noneMatch(line -> line.contains("store")), said.err());
            assertTrue(said.err().lines().toList().getLast().contains("check --s3, --bucket and the keys"), said.err());
        }
    }

    @Test
    void keysThatNobodyGaveAreAskedFor() {
        var said = Said.by("jobs", "--kafka", "127.0.0.1:1", "--s3", "http://127.0.0.1:1");

        assertEquals(2, said.code(), said.err());
        assertTrue(said.err().contains("set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"), said.err());
        assertTrue(said.err().contains(".quantline/s3-keys.env"), said.err());
    }

    @Test
    void programsGetAnswersAsJson() throws Exception {
        // Given a stack with one job
        try (var stack = start(freePort(), 0)) {
            var words = List.of(
                    "--kafka",
                    stack.addresses().bootstrapServers(),
                    "--s3",
                    stack.addresses().s3Endpoint().toString(),
                    "--s3-access-key",
                    stack.addresses().keys().accessKey(),
                    "--s3-secret-key",
                    stack.addresses().keys().secretKey(),
                    "--json");
            var file = Files.writeString(folder.resolve("job.json"), """
                    {"id": "other", "model": "s3://quantline/inputs/m.onnx", "calibration": "s3://quantline/inputs/c.npz"}""");
            try (var store = LocalStack.connection(stack.addresses()).store(folder.resolve("cache"))) {
                store.write(Keys.request("one"), "{}".getBytes(StandardCharsets.UTF_8));
            }
            // When another is submitted, jobs are listed, and one is cancelled
            // Then every answer is JSON and nothing else
            assertEquals("{\"id\":\"other\"}", json("submit " + file, words).toString());
            assertEquals(
                    "[{\"id\":\"one\",\"stage\":\"-\",\"state\":\"running\",\"work\":[]}]",
                    json("jobs", words).toString());
            assertEquals(
                    "{\"id\":\"one\",\"state\":\"running\",\"stops\":true}",
                    json("cancel one", words).toString());
        }
    }

    private static JsonNode json(String command, List<String> options) throws IOException {
        var said = Said.by(
                Stream.concat(Stream.of(command.split(" ")), options.stream()).toArray(String[]::new));
        assertEquals(0, said.code(), said.err());
        return Json.MAPPER.readTree(said.out());
    }

    @ParameterizedTest
    @CsvSource({"90s, 90", "5m, 300", "1h, 3600", "7, 7", "0, 0"})
    void timesAreWrittenAsPeopleDo(String written, long seconds) {
        assertEquals(Duration.ofSeconds(seconds), new WaitTime().convert(written));
    }

    private EmbeddedStack start(int kafka, int s3) {
        try {
            var stack = EmbeddedStack.start(folder.resolve("stack"), new EmbeddedStack.Ports(kafka, s3));
            // The services would make them.
            try (var admin = Admin.create(Map.of(
                    AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG,
                    stack.addresses().bootstrapServers()))) {
                admin.createTopics(new Topics(Topics.DEFAULT_PREFIX)
                                .all().stream()
                                        .map(name -> new NewTopic(name, 1, (short) 1))
                                        .toList())
                        .all()
                        .get();
            }
            return stack;
        } catch (Exception failure) {
            throw new AssertionError(failure);
        }
    }

    private static List<String> waits(Said said) {
        return said.err().lines().filter(line -> line.startsWith("waiting")).toList();
    }

    private static int freePort() throws IOException {
        try (var probe = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return probe.getLocalPort();
        }
    }
}
