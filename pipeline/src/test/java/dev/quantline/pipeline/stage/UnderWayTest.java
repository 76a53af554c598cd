package dev.quantline.pipeline.stage;

import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.store.Keys;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Who works on what, as anybody sees it who can read the store. */
class UnderWayTest extends StageShellFixture {
    private static final List<String> NOBODY = List.of();

    private final Attempts first = new Attempts(store, "machine-1");
    private final Attempts second = new Attempts(store, "machine-2");

    private static List<String> seen(String job) {
        return UnderWay.of(store, job, StageName.PROFILE).stream()
                .map(work -> work.item() + " " + work.attempt().replica() + " "
                        + work.attempt().number())
                .toList();
    }

    /** The folder of an item of a job that has just been submitted. */
    private String part(int item) {
        var work = (Event.Work) published.getFirst();
        return Keys.part(StageRecords.folder(work.job(), StageName.PROFILE, work.hash()), item);
    }

    @Test
    void eachItemIsSeenWithItsReplicaWhileItLasts() throws IOException {
        submit("shared", "1\n2\n3");
        var before = System.currentTimeMillis();

        assertEquals(NOBODY, seen("shared"));
        first.run(
                part(2),
                "third",
                _ -> second.run(part(0), "first", attempt -> {
                    assertEquals(List.of("line 0 machine-2 1", "line 2 machine-1 1"), seen("shared"));
                    assertTrue(attempt.sinceMillis() >= before && attempt.sinceMillis() <= System.currentTimeMillis());
                    return 0;
                }));

        assertEquals(NOBODY, seen("shared"));
        assertEquals(NOBODY, UnderWay.of(store, "unknown", StageName.PROFILE));
    }

    @Test
    void onlyTheLastAttemptCountsAndOnlyWhileItsProcessLives() throws IOException {
        submit("repeated", "1");
        var numbers = new ArrayList<Integer>();

        first.run(part(0), "item", attempt -> {
            numbers.add(attempt.number());
            assertEquals(List.of("line 0 machine-1 " + attempt.number()), seen("repeated"));
            if (attempt.number() == 1) {
                throw new ProcessDied("of signal 9");
            }
            return 0;
        });

        assertEquals(List.of(1, 2), numbers);
        assertEquals(NOBODY, seen("repeated"));
        // And a slice of the item comes after all attempts at the slice before it.
        second.run(Keys.slice(part(0), 1), "slice", _ -> {
            assertEquals(List.of("line 0 machine-2 1"), seen("repeated"));
            return 0;
        });
    }

    @Test
    void anAttemptIsLostWithItsServiceUntilTheNextOneBegins() throws IOException {
        submit("lost", "1");
        assertThrows(
                StackOverflowError.class,
                () -> first.run(part(0), "item", _ -> {
                    // As it is left by a service that is killed.
                    store.write("copy", store.read(Keys.attempt(part(0), 1)).orElseThrow());
                    throw new StackOverflowError();
                }));
        store.write(Keys.attempt(part(0), 1), store.read("copy").orElseThrow());

        assertEquals(List.of("line 0 machine-1 1"), seen("lost"));
        second.run(part(0), "item", _ -> {
            assertEquals(List.of("line 0 machine-2 2"), seen("lost"));
            return 0;
        });
    }

    @Test
    void progressOfAnItemSaysWhoMakesIt() {
        submit("told", "1\n2");

        deliver(new Random(0));

        var attempts = all.stream()
                .flatMap(event -> event instanceof Event.Progress progress ? progress.attempt().stream() : null)
                .map(attempt -> attempt.replica() + " " + attempt.number())
                .distinct()
                .toList();
        assertEquals(List.of("replica 1"), attempts);
        assertEquals(NOBODY, seen("told"));
    }
}
