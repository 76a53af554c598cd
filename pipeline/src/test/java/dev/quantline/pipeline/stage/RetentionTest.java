package dev.quantline.pipeline.stage;

import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.store.Keys;
import dev.quantline.pipeline.store.RealStore;
import dev.quantline.pipeline.store.Store;
import dev.quantline.pipeline.store.StoredFile;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;

class RetentionTest {
    private static final String HASH = "a".repeat(64);
    private static final Instant LATER = Instant.now().plus(Duration.ofDays(8));

    @TempDir
    Path folder;

    private RealStore real;
    private Store store;
    private Retention retention;

    @BeforeEach
    void start() throws IOException {
        real = RealStore.start(folder, 1 << 20);
        store = real.store();
        retention = new Retention(store, Duration.ofDays(7));
        write("inputs/model.onnx");
    }

    @AfterEach
    void stop() {
        real.close();
    }

    @Test
    void aDoneJobKeepsRequestRecordsAndResults() {
        job("done");
        write("jobs/done/export/report.json");
        write("jobs/done/export/model.onnx");

        assertEquals(0, retention.clean(Instant.now()), "too early");
        assertEquals(7, retention.clean(LATER));

        assertEquals(
                List.of(
                        "jobs/done/cleaned.json",
                        "jobs/done/export/" + HASH + "/manifest.json",
                        "jobs/done/export/" + HASH + "/order.json",
                        "jobs/done/export/" + HASH + "/parts/0000/1234/model.onnx",
                        "jobs/done/export/" + HASH + "/parts/0000/part.json",
                        "jobs/done/export/model.onnx",
                        "jobs/done/export/report.json",
                        "jobs/done/job.json",
                        "jobs/done/tune/" + HASH + "/manifest.json",
                        "jobs/done/tune/" + HASH + "/order.json",
                        "jobs/done/tune/" + HASH + "/parts/0000/part.json"),
                store.list("jobs/"));
        assertEquals(List.of("inputs/model.onnx"), store.list("inputs/"));
        assertEquals(0, retention.clean(LATER), "nothing is left to remove");
    }

    @Test
    void aFailedOrCancelledJobKeepsItsRequestAndItsEnd() {
        job("failed");
        write(Keys.failed("failed"));
        job("cancelled");
        write(Keys.cancelled("cancelled"));

        retention.clean(LATER);

        assertEquals(
                List.of("jobs/failed/cleaned.json", "jobs/failed/failed.json", "jobs/failed/job.json"),
                store.list("jobs/failed/"));
        assertEquals(
                List.of("jobs/cancelled/cancelled.json", "jobs/cancelled/cleaned.json", "jobs/cancelled/job.json"),
                store.list("jobs/cancelled/"));
    }

    @Test
    void aJobThatMayGoOnKeepsEverything() {
        job("running");
        job("again");
        write(Keys.failed("again"));
        write(Keys.waiting("again"));

        assertEquals(0, retention.clean(LATER));
    }

    @Test
    void aCancellationWhoseJobNeverCameGoes() {
        write(Keys.cancelled("nobody"));

        assertEquals(1, retention.clean(LATER));

        assertEquals(List.of(), store.list("jobs/"));
    }

    /** What an interrupted and a finished item leave. */
    private void job(String id) {
        write(Keys.request(id));
        for (var stage : List.of(StageName.TUNE, StageName.EXPORT)) {
            var stageFolder = Keys.stage(id, stage.verb(), HASH);
            var part = Keys.part(stageFolder, 0);
            write(Keys.order(stageFolder));
            write(Keys.partManifest(part));
            write(part + "1234/model.onnx");
            write(part + "5678/orphan.bin");
            write(Keys.attempt(part, 1));
            store.write(
                    Keys.manifest(stageFolder),
                    Json.bytes(new Manifest(
                            id,
                            stage,
                            HASH,
                            Optional.empty(),
                            Map.of(),
                            Json.tree("settings"),
                            Map.of("model.onnx", new StoredFile(store.ref(part + "1234/model.onnx"), HASH, 1)),
                            Json.tree("summary"),
                            new Event.Seconds(0, 0, 0, 0),
                            "1")));
        }
        write(Keys.slice(Keys.part(Keys.stage(id, "tune", HASH), 0), 1) + "state");
        write(Keys.partManifest(Keys.slice(Keys.part(Keys.stage(id, "tune", HASH), 0), 1)));
    }

    private void write(String key) {
        store.write(key, "{}".getBytes());
    }
}
