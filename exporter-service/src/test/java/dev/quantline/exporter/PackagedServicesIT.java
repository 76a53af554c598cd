package dev.quantline.exporter;

import dev.quantline.embedded.EmbeddedStack;
import dev.quantline.embedded.StackAddresses;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.service.TinyJob;
import dev.quantline.pipeline.service.Traffic;
import dev.quantline.pipeline.store.Store;
import dev.quantline.pipeline.store.StoreSettings;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** The four packaged services as separate processes, one of which dies while a job is on its way. */
class PackagedServicesIT {
    private static final Topics TOPICS = new Topics(Topics.DEFAULT_PREFIX);
    private static final Duration START = Duration.ofMinutes(2);

    @TempDir
    static Path folder;

    private static final Map<String, ServiceProcess> SERVICES = new HashMap<>();
    private static EmbeddedStack stack;
    private static Store store;
    private static Traffic traffic;

    @BeforeAll
    static void start() throws IOException {
        stack = EmbeddedStack.start(folder.resolve("stack"), EmbeddedStack.Ports.free());
        store = new Store(new StoreSettings(
                stack.addresses().s3Endpoint(),
                "us-east-1",
                StackAddresses.ACCESS_KEY,
                StackAddresses.SECRET_KEY,
                StackAddresses.BUCKET,
                1 << 20,
                folder.resolve("cache"),
                1 << 20));
        TinyJob.storeInputs(store);
        for (var name : List.of("profiler", "calibrator", "tuner", "exporter")) {
            SERVICES.put(name, ServiceProcess.start(name, stack.addresses(), folder));
        }
        SERVICES.values().forEach(service -> await().atMost(START).until(() -> service.health("ready") == 200));
        traffic = new Traffic(stack.addresses().bootstrapServers());
    }

    @AfterAll
    static void stop() {
        traffic.close();
        SERVICES.values().forEach(ServiceProcess::close);
        store.close();
        stack.close();
    }

    @Test
    void aJobGoesOnWhereAServiceThatDiedIsStartedAgain() throws Exception {
        SERVICES.get("calibrator").kill();
        submit("interrupted");
        traffic.await("interrupted", "quantline.profiled", Event.Completed.class);
        SERVICES.put("calibrator", ServiceProcess.start("calibrator", stack.addresses(), folder));

        traffic.await("interrupted", "quantline.exported", Event.Completed.class);
        assertEquals("done", report("interrupted"));
        for (var service : SERVICES.entrySet()) {
            assertEquals(200, service.getValue().health("live"), service.getKey());
            assertTrue(
                    service.getValue().stop(),
                    service.getKey() + " does not stop:\n" + service.getValue().log());
        }
    }

    private static void submit(String id) {
        traffic.send(TOPICS.jobs(), id, TinyJob.request(id, "tiny.onnx"));
    }

    private static String report(String id) throws IOException {
        return Json.MAPPER
                .readTree(store.read("jobs/" + id + "/export/report.json").orElseThrow())
                .path("status")
                .asText();
    }
}
