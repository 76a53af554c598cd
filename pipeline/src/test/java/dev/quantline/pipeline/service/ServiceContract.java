package dev.quantline.pipeline.service;

import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.store.Store;
import jakarta.inject.Inject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static io.restassured.RestAssured.get;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.hasItem;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/**
 * What every service must do on a real broker and a real store. The stages before it run beside it in the test, so that
 * it gets real input.
 */
public abstract class ServiceContract {
    protected static final Topics TOPICS = new Topics(Topics.DEFAULT_PREFIX);

    @Inject
    protected Store store;

    @ConfigProperty(name = "kafka.bootstrap.servers")
    String broker;

    protected Traffic traffic;

    /** The stage under test. */
    protected abstract StageName stage();

    /** Judges the files the stage left, here under their names. */
    protected abstract void checkResult(Path folder) throws IOException;

    @BeforeEach
    void connect() throws IOException {
        traffic = new Traffic(broker);
        TinyJob.storeInputs(store);
    }

    @AfterEach
    void disconnect() {
        traffic.close();
    }

    @Test
    void anEventBecomesAResultAndAnEvent(@TempDir Path folder) throws IOException {
        submit("first", "tiny.onnx");

        var completed = traffic.await("first", TOPICS.completed(stage()), Event.Completed.class);

        for (var result : completed.results().entrySet()) {
            Files.write(
                    folder.resolve(result.getKey()),
                    store.read(result.getValue().key()).orElseThrow());
        }
        checkResult(folder);
        assertTrue(store.exists(completed.manifest()));
    }

    @Test
    void aRedeliveredEventIsAnsweredFromTheStore() {
        submit("again", "tiny.onnx");
        var first = traffic.await("again", TOPICS.completed(stage()), Event.Completed.class);
        var trigger = traffic.await(triggers(), record -> Arrays.equals(record.key(), "again".getBytes()));
        var stored = store.list("jobs/again/" + stage().verb());

        traffic.forget();
        traffic.sendAgain(trigger);

        assertEquals(first, traffic.await("again", TOPICS.completed(stage()), Event.Completed.class));
        assertEquals(stored, store.list("jobs/again/" + stage().verb()));
    }

    @Test
    void aJobThatCannotBeDoneIsToldAndTheNextOneRuns() {
        store.write("inputs/rubbish.onnx", "no model".getBytes());
        submit("broken", "rubbish.onnx");
        submit("after-broken", "tiny.onnx");

        var failed = traffic.await("broken", TOPICS.failed(), Event.Failed.class);
        traffic.await("after-broken", TOPICS.completed(stage()), Event.Completed.class);

        assertTrue(failed.reason().contains("rubbish.onnx"), failed.reason());
        assertEquals("profile", failed.stage());
    }

    @Test
    void aTriggerNobodyCanReadIsPutAside() {
        var rubbish = ("rubbish for " + stage()).getBytes();
        traffic.send(triggers(), "k", rubbish);
        submit("after-rubbish", "tiny.onnx");

        traffic.await(TOPICS.deadLetter(), record -> Arrays.equals(rubbish, record.value()));
        traffic.await("after-rubbish", TOPICS.completed(stage()), Event.Completed.class);
    }

    @Test
    void operatorsSeeHealthAndFigures() {
        submit("figures", "tiny.onnx");
        traffic.await("figures", TOPICS.completed(stage()), Event.Completed.class);

        get("/q/health/live").then().statusCode(200);
        get("/q/health/ready")
                .then()
                .statusCode(200)
                .body("checks.data.address", hasItem(broker))
                .body("checks.data.address", hasItem(store.address()));
        get("/q/metrics")
                .then()
                .statusCode(200)
                .body(containsString(
                        "quantline_jobs_total{outcome=\"completed\",stage=\"%s\"}".formatted(stage().verb())));
    }

    private String triggers() {
        return stage().before().map(TOPICS::completed).orElse(TOPICS.jobs());
    }

    protected final void submit(String id, String model) {
        traffic.send(TOPICS.jobs(), id, TinyJob.request(id, model));
    }
}
