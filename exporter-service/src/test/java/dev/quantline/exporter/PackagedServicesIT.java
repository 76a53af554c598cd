package dev.quantline.exporter;

import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.service.TinyJob;
import dev.quantline.pipeline.service.Traffic;
import dev.quantline.pipeline.store.RealStore;
import dev.quantline.pipeline.store.Store;
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
    private static RealStore real;
    private static Store store;
    private static Traffic traffic;

    @BeforeAll
    static void start() throws IOException {
        real = RealStore.start(folder, 1 << 20);
        store = real.store();
        TinyJob.storeInputs(store);
        for (var name : List.of("profiler", "calibrator", "tuner", "exporter")) {
            SERVICES.put(name, ServiceProcess.start(name, real.stack().addresses(), folder));
        }
        SERVICES.values().forEach(service -> await().atMost(START).until(() -> service.health("ready") == 200));
        traffic = new Traffic(real.stack().addresses().bootstrapServers());
    }

    @AfterAll
    static void stop() {
        traffic.close();
        SERVICES.values().forEach(ServiceProcess::close);
        real.close();
    }

    @Test
    void aJobGoesOnWhereAServiceThatDiedIsStartedAgain() throws Exception {
        SERVICES.get("calibrator").kill();
        submit("interrupted");
        traffic.await("interrupted", "quantline.profiled", Event.Completed.class);
        SERVICES.put(
                "calibrator", ServiceProcess.start("calibrator", real.stack().addresses(), folder));

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
