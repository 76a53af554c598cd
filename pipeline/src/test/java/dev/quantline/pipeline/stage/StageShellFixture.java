package dev.quantline.pipeline.stage;

import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.ObjectRef;
import dev.quantline.pipeline.store.RealStore;
import dev.quantline.pipeline.store.Store;
import dev.quantline.quantize.settings.Json;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

/** A stage shell over a real store, with a broker that is played by the test. */
abstract class StageShellFixture {
    @TempDir
    static Path folder;

    static RealStore real;
    static Store store;

    final Deque<Event> published = new ArrayDeque<>();
    final List<Event> all = new ArrayList<>();
    final SumStage stage = new SumStage();
    final SimpleMeterRegistry meters = new SimpleMeterRegistry();
    final StageDependencies tools = new StageDependencies(
            store,
            new Recorder(),
            new StageMetrics(meters, StageName.PROFILE),
            RetryPolicy.once(),
            folder.resolve("scratch"),
            0,
            "1",
            new Activity(),
            "replica");
    final StageShell shell = new StageShell(stage, tools);
    final Admission admission = new Admission(tools);

    final class Recorder implements EventSink {
        @Override
        public void publish(Event event) {
            published.add(event);
            all.add(event);
        }

        @Override
        public void announce(Event.Progress progress) {
            all.add(progress);
        }
    }

    @BeforeAll
    static void start() throws IOException {
        real = RealStore.start(folder, 1 << 20);
        store = real.store();
    }

    @AfterAll
    static void stop() {
        real.close();
    }

    void submit(String id, String numbers) {
        store.write("inputs/" + id, numbers.getBytes());
        admission
                .accept(request(id, "s3://quantline/inputs/" + id), "x")
                .ifPresent(job -> shell.start(job, Optional.empty(), System.currentTimeMillis()));
    }

    static com.fasterxml.jackson.databind.JsonNode request(String id, String model) {
        return Json.MAPPER.createObjectNode().put("id", id).put("model", model).put("calibration", model);
    }

    /** Plays the broker: hands every event back in random order until there is none. */
    void deliver(Random random) {
        while (!published.isEmpty()) {
            var events = new ArrayList<>(published);
            published.clear();
            Collections.shuffle(events, random);
            for (var event : events) {
                switch (event) {
                    case Event.Work work -> shell.work(work);
                    case Event.WorkDone done -> shell.workDone(done);
                    default -> {}
                }
            }
        }
    }

    List<String> reasons(String job) {
        return all.stream()
                .filter(event -> event.job().equals(job))
                .flatMap(event -> event instanceof Event.Failed failed ? Stream.of(failed.reason()) : Stream.empty())
                .toList();
    }

    Event.Completed completed(String job) {
        return all.stream()
                .filter(event -> event.job().equals(job) && event instanceof Event.Completed)
                .map(event -> (Event.Completed) event)
                .findFirst()
                .orElseThrow();
    }

    static String content(ObjectRef ref) {
        return new String(store.read(ref.key()).orElseThrow());
    }
}
