package dev.quantline.pipeline.stage;

import dev.quantline.embedded.StoreKeys;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.store.RealStore;
import dev.quantline.pipeline.store.Store;
import dev.quantline.pipeline.store.StoreUnavailable;
import java.net.URI;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class StageShellTest extends StageShellFixture {
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
    void aPhaseBeginsWithTheResultsOfThoseBeforeWhenAllOfThemAreStored() {
        submit("phases", "1\n2\nthen\nall\n4\nthen\nall");
        var hash = all.stream()
                .flatMap(event -> event instanceof Event.Work work ? Stream.of(work.hash()) : Stream.empty())
                .findFirst()
                .orElseThrow();
        assertThrows(StrayRecord.class, () -> shell.work(new Event.Work("phases", StageName.PROFILE, hash, 2, 0)));
        assertEquals(
                2,
                published.stream().filter(event -> event instanceof Event.Work).count());

        deliver(new Random(1));

        assertEquals(
                "line 0=1 line 1=2 line 3=1+2+ line 4=4 line 6=1+2+1+2++4+ ",
                content(completed("phases").results().get("sum")));
        assertEquals(5, stage.runs.get());
        var order = all.stream()
                .flatMap(event -> switch (event) {
                    case Event.Work work -> Stream.of(work.item());
                    case Event.WorkDone done -> Stream.of(10 + done.item());
                    default -> Stream.<Integer>empty();
                })
                .toList();
        assertTrue(order.indexOf(2) > order.indexOf(10) && order.indexOf(2) > order.indexOf(11), order.toString());
        assertTrue(order.indexOf(4) > order.indexOf(12) && order.indexOf(4) > order.indexOf(13), order.toString());
    }

    @Test
    void theLastItemKnowsWhatTheItemsBeforeComputed() {
        submit("nap", "nap\n2");

        deliver(new Random(1));

        assertTrue(stage.spent.compute() >= 0.6, stage.spent.toString());
        assertTrue(stage.spent.wall() >= stage.spent.compute(), stage.spent.toString());
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
    void anUnreachableStoreIsToldAndRetryable() {
        submit("i", "1");

        assertThrows(StoreUnavailable.class, () -> away(RetryPolicy.once()).start("i", Optional.empty(), 0));

        assertTrue(published.removeLast() instanceof Event.Failed failed && failed.retryable(), all.toString());
    }

    @Test
    void whateverAsksTheStoreIsTriedAgain() {
        submit("k", "1");
        deliver(new Random(0));
        var completed = completed("k");
        var hash = completed.manifest().key().split("/")[3];
        var tries = new AtomicInteger();
        var away = away(_ -> {
            tries.incrementAndGet();
            throw new StoreUnavailable("still away", null);
        });

        var handlings = List.<Runnable>of(
                () -> away.start("k", Optional.empty(), 0),
                () -> away.start(completed, 0),
                () -> away.work(new Event.Work("k", StageName.PROFILE, hash, 0, 0)),
                () -> away.workDone(new Event.WorkDone("k", StageName.PROFILE, hash, 0)));

        for (var handling : handlings) {
            tries.set(0);
            assertThrows(RuntimeException.class, handling::run);
            assertTrue(tries.get() > 0, "asked outside of the attempts");
        }
    }

    /** A shell whose store does not answer. */
    private StageShell away(RetryPolicy attempts) {
        return new StageShell(
                stage,
                new StageDependencies(
                        new Store(RealStore.settings(
                                URI.create("http://127.0.0.1:1"),
                                new StoreKeys("any", "any"),
                                1,
                                folder.resolve("cache"))),
                        new Recorder(),
                        tools.metrics(),
                        attempts,
                        folder.resolve("scratch"),
                        0,
                        "1",
                        new Activity(),
                        "replica"));
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
                new Activity(),
                "replica");

        new StageShell(stage, newer).start("j", Optional.empty(), 0);

        assertTrue(published.removeLast() instanceof Event.Work work
                && !completed("j").manifest().key().contains(work.hash()));
    }
}
