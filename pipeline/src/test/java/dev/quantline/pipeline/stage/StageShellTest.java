package dev.quantline.pipeline.stage;

import dev.quantline.onnx.BadInput;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.ObjectRef;
import dev.quantline.pipeline.store.Keys;
import dev.quantline.pipeline.store.RealStore;
import dev.quantline.pipeline.store.Store;
import dev.quantline.pipeline.store.StoreUnavailable;
import dev.quantline.quantize.settings.Json;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletionException;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class StageShellTest {
    @TempDir
    static Path folder;

    private static RealStore real;
    private static Store store;

    private final Deque<Event> published = new ArrayDeque<>();
    private final List<Event> all = new ArrayList<>();
    private final SumStage stage = new SumStage();
    private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
    private final StageDependencies tools = new StageDependencies(
            store,
            new Recorder(),
            new StageMetrics(meters, StageName.PROFILE),
            RetryPolicy.once(),
            folder.resolve("scratch"),
            0,
            "1",
            new Activity());
    private final StageShell shell = new StageShell(stage, tools);
    private final Admission admission = new Admission(tools);

    private final class Recorder implements EventSink {
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

    @Test
    void theItemsOfAJobAreMergedInOrderWhateverTheOrderTheyAreDoneIn() {
        submit("a", "1\n2\npause\n4");

        var seed = System.nanoTime();
        System.out.println("seed " + seed);
        deliver(new Random(seed));

        var completed = completed("a");
        assertEquals(
                "line 0=1 line 1=2 line 2=7 line 3=4 ",
                content(completed.results().get("sum")));
        assertEquals(5, stage.runs.get());
        assertEquals(
                1,
                meters.counter("quantline.jobs", "stage", "profile", "outcome", "completed")
                        .count());
        assertTrue(completed.seconds().wall() >= completed.seconds().compute());
        assertTrue(all.stream()
                .anyMatch(event ->
                        event instanceof Event.Progress p && p.message().equals("line 1: adding")));
    }

    @Test
    void aRedeliveredEventIsAnsweredWithoutComputingAgain() {
        submit("b", "1\n2");
        deliver(new Random(0));
        var first = completed("b");
        var handled = List.copyOf(all);

        all.clear();
        shell.start("b", Optional.empty(), 5);
        handled.stream()
                .filter(event -> event instanceof Event.Work)
                .map(event -> (Event.Work) event)
                .forEach(shell::work);
        deliver(new Random(0));

        assertEquals(2, stage.runs.get());
        assertEquals(first, completed("b"));
    }

    @Test
    void aSingleItemIsTheResult() {
        submit("c", "41");

        deliver(new Random(0));

        var result = completed("c").results().get("number");
        assertTrue(result.key().contains("/parts/0000/"), result.key());
        assertEquals("41", content(result));
    }

    @Test
    void unusableInputIsToldOnceAndNotTriedAgain() {
        submit("d", "bad\n2");
        deliver(new Random(0));
        var runs = stage.runs.get();
        published.clear();

        shell.start("d", Optional.empty(), 0);

        assertEquals(List.of(new Event.Failed("d", "profile", "line 0: not a number", false)), List.copyOf(published));
        assertEquals(runs, stage.runs.get());
    }

    @Test
    void aMissingModelFailsUntilItIsThere() {
        admission.accept(request("e", "s3://quantline/inputs/late"), "x");
        shell.start("e", Optional.empty(), 0);
        assertEquals(
                new Event.Failed("e", "profile", "no object and no .npz below it: s3://quantline/inputs/late", false),
                published.removeLast());

        store.write("inputs/late", "1".getBytes());
        shell.start("e", Optional.empty(), 0);
        deliver(new Random(0));

        assertEquals("1", content(completed("e").results().get("number")));
    }

    @Test
    void ourOwnBugIsToldAndThrown() {
        submit("f", "bug");

        assertThrows(IllegalStateException.class, () -> deliver(new Random(0)));

        assertTrue(published.removeLast() instanceof Event.Failed failed
                && failed.reason().contains("a bug"));
        assertEquals(
                1,
                meters.counter("quantline.failures", "stage", "profile", "kind", "bug")
                        .count());
    }

    @Test
    void aServiceThatIsStoppedFailsNoJob() {
        submit("stopped", "stop");
        var works = List.copyOf(published);

        assertThrows(CompletionException.class, () -> deliver(new Random(0)));

        assertTrue(all.stream().noneMatch(event -> event.job().equals("stopped") && event instanceof Event.Failed));
        published.addAll(works);
        deliver(new Random(0));
        assertEquals("5", content(completed("stopped").results().get("number")));
    }

    @Test
    void anItemThatKeepsKillingItsProcessFailsItsJob() {
        submit("deadly", "dies\n2");

        deliver(new Random(0));

        assertEquals(
                List.of(
                        "line 0: the process that works on it died 3 times, lastly of SIGFPE in libonnxruntime.so; the limit is 3"
                                + " (quantline.limit.item-deaths)"),
                reasons("deadly").stream()
                        .map(reason -> reason.replace("profile: ", ""))
                        .toList());
        var runs = stage.runs.get();
        shell.start("deadly", Optional.empty(), 0);
        deliver(new Random(0));
        assertEquals(runs, stage.runs.get(), "an item known to be deadly is not tried again");
        submit("next", "1");
        deliver(new Random(0));
        assertEquals("1", content(completed("next").results().get("number")));
    }

    @Test
    void anItemWhoseProcessDiedOnceIsDone() {
        submit("unlucky", "dies once\n2");

        deliver(new Random(0));

        assertEquals(
                "line 0=9 line 1=2 ", content(completed("unlucky").results().get("sum")));
        assertTrue(reasons("unlucky").isEmpty());
    }

    @Test
    void anItemThatServicesAreLostWithIsGivenUp() {
        submit("lost", "4");
        var folder = published.stream()
                .map(event -> Keys.part(StageRecords.folder("lost", StageName.PROFILE, ((Event.Work) event).hash()), 0))
                .findFirst()
                .orElseThrow();
        for (int attempt = 1; attempt <= 10; attempt++) {
            store.create(Keys.attempt(folder, attempt), "{}".getBytes());
        }

        deliver(new Random(0));

        assertEquals(
                List.of(
                        "line 0: the service that works on it was lost 10 times; the limit is 10 (quantline.limit.item-losses)"),
                reasons("lost"));
    }

    @Test
    void attemptsThatEndedDoNotCount() {
        System.setProperty("quantline.limit.item-losses", "1");
        try {
            submit("retried", "bug");
            var works = List.copyOf(published);
            for (int attempt = 0; attempt < 3; attempt++) {
                published.clear();
                published.addAll(works);
                assertThrows(IllegalStateException.class, () -> deliver(new Random(0)));
            }
        } finally {
            System.clearProperty("quantline.limit.item-losses");
        }
    }

    @Test
    void whatIsBeyondALimitMayBeTriedUnderAnother() {
        submit("long", "long");

        deliver(new Random(0));

        assertTrue(all.contains(new Event.Failed(
                "long",
                "profile",
                "line 0 took more than 1 seconds: the limit is 14400 (quantline.limit.item-seconds)",
                true)));
    }

    @Test
    void aJobMayNotWorkForEver() {
        System.setProperty("quantline.limit.job-seconds", "1");
        try {
            submit("endless", "slow");
            deliver(new Random(0));
        } finally {
            System.clearProperty("quantline.limit.job-seconds");
        }

        assertTrue(reasons("endless")
                .getFirst()
                .endsWith("seconds of work: the limit is 1 (quantline.limit.job-seconds)"));
    }

    @Test
    void aCancelledJobStopsBeforeItsNextItem() {
        submit("g", "1\n2");

        admission.cancel("g");
        deliver(new Random(0));

        assertEquals(0, stage.runs.get());
        assertTrue(all.contains(new Event.Failed("g", "cancel", "stopped on request", false)));
        assertTrue(
                admission.accept(request("g", "s3://quantline/inputs/g"), "x").isEmpty());
    }

    @Test
    void aJobThatIsCancelledBeforeItComesIsRefused() {
        admission.cancel("early");

        submit("early", "1");

        assertEquals(List.of("stopped on request", "id: 'early' was cancelled; choose another id"), reasons("early"));
        assertTrue(store.list("waiting/early").isEmpty());
    }

    @Test
    void otherBucketsAreClosedToJobs() {
        assertTrue(
                admission.accept(request("spy", "s3://secrets/model.onnx"), "x").isEmpty());
        assertTrue(admission
                .accept(request("guest", "s3://opened/model.onnx"), "x")
                .isPresent());

        assertTrue(reasons("spy")
                .getFirst()
                .startsWith("calibration: bucket 'secrets' is not among those that jobs may read"));
    }

    @Test
    void moreJobsThanMayWaitAreRefusedUntilSomeEnd() {
        store.list("waiting/").forEach(store::delete);
        System.setProperty("quantline.limit.jobs-waiting", "2");
        try {
            submit("first", "bad");
            submit("second", "1");
            submit("third", "1");
            assertEquals(
                    List.of(
                            "2 jobs wait already; submit again when some are done: the limit is 2 (quantline.limit.jobs-waiting)"),
                    reasons("third"));

            submit("second", "1");
            deliver(new Random(0));
            submit("third", "1");
        } finally {
            System.clearProperty("quantline.limit.jobs-waiting");
        }
        assertEquals(1, reasons("third").size(), "the first has failed, so the third may wait");
    }

    @Test
    void aCompletionThatNamesAnotherManifestIsStray() {
        submit("forged", "1");
        deliver(new Random(0));
        submit("other", "1");
        deliver(new Random(0));
        var next = new StageShell(new NextStage(), tools);
        var real = completed("forged");

        for (var manifest : List.of(
                completed("other").manifest(),
                new ObjectRef("secrets", real.manifest().key()),
                new ObjectRef("quantline", "inputs/forged"),
                new ObjectRef("quantline", "jobs/forged/profile/" + "0".repeat(64) + "/manifest.json"))) {
            var forged = new Event.Completed(
                    "forged", real.stage(), manifest, real.results(), real.summary(), real.seconds());
            assertThrows(StrayRecord.class, () -> next.start(forged, 0), manifest.toString());
        }
        next.start(real, 0);
        assertEquals(StageName.CALIBRATE, ((Event.Work) published.getLast()).stage());
    }

    @Test
    void aDoneJobCannotFail() {
        submit("done", "1");
        deliver(new Random(0));
        store.write(Keys.delivered("done", "export", "report.json"), "{}".getBytes());
        var failures = new Failures(StageName.EXPORT, new StageRecords(store), tools);

        failures.guard("done", Optional.empty(), () -> {
            throw new BadInput("whatever");
        });

        assertEquals(List.of(), reasons("done"));
        assertFalse(store.exists(Keys.failed("done")));
    }

    @Test
    void theSameIdWithOtherContentIsRefused() {
        submit("h", "1");
        published.clear();

        assertEquals(Optional.of("h"), admission.accept(request("h", "s3://quantline/inputs/h"), "x"));
        assertTrue(
                admission.accept(request("h", "s3://quantline/inputs/g"), "x").isEmpty());

        assertTrue(published.removeLast() instanceof Event.Failed failed
                && failed.stage().equals("submit")
                && failed.reason().startsWith("id: 'h' was submitted before"));
    }

    @Test
    void anUnreachableStoreIsRetryable() {
        submit("i", "1");
        var away = new StageDependencies(
                new Store(RealStore.settings(URI.create("http://127.0.0.1:1"), 1, folder.resolve("cache"))),
                new Recorder(),
                tools.metrics(),
                RetryPolicy.once(),
                folder.resolve("scratch"),
                0,
                "1",
                new Activity());

        assertThrows(StoreUnavailable.class, () -> new StageShell(stage, away).start("i", Optional.empty(), 0));
        assertFalse(published.stream().anyMatch(event -> event instanceof Event.Completed));
    }

    @Test
    void anotherVersionNamesAnotherResult() {
        submit("j", "1");
        deliver(new Random(0));
        var newer = new StageDependencies(
                store,
                new Recorder(),
                tools.metrics(),
                RetryPolicy.once(),
                folder.resolve("scratch"),
                0,
                "2",
                new Activity());

        new StageShell(stage, newer).start("j", Optional.empty(), 0);

        assertTrue(published.removeLast() instanceof Event.Work work
                && !completed("j").manifest().key().contains(work.hash()));
    }

    private void submit(String id, String numbers) {
        store.write("inputs/" + id, numbers.getBytes());
        admission
                .accept(request(id, "s3://quantline/inputs/" + id), "x")
                .ifPresent(job -> shell.start(job, Optional.empty(), System.currentTimeMillis()));
    }

    private static com.fasterxml.jackson.databind.JsonNode request(String id, String model) {
        return Json.MAPPER.createObjectNode().put("id", id).put("model", model).put("calibration", model);
    }

    /** Plays the broker: hands every event back in random order until there is none. */
    private void deliver(Random random) {
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

    private List<String> reasons(String job) {
        return all.stream()
                .filter(event -> event.job().equals(job))
                .flatMap(event -> event instanceof Event.Failed failed ? Stream.of(failed.reason()) : Stream.empty())
                .toList();
    }

    private Event.Completed completed(String job) {
        return all.stream()
                .filter(event -> event.job().equals(job) && event instanceof Event.Completed)
                .map(event -> (Event.Completed) event)
                .findFirst()
                .orElseThrow();
    }

    private static String content(ObjectRef ref) {
        return new String(store.read(ref.key()).orElseThrow());
    }
}
