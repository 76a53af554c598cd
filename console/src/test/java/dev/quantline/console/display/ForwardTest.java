package dev.quantline.console.display;

import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.ObjectRef;
import dev.quantline.quantize.settings.Json;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ForwardTest {
    private static final Pattern LINE = Pattern.compile("(\\w+) (\\w+) +(\\d+) %.*");
    private static final Pattern BAR = Pattern.compile("(\\w+) +(\\d+)% \\[");

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final PrintStream out = new PrintStream(bytes, true);

    @Test
    void anItemThatBeginsAgainStaysWhereTheStageWas() {
        // Given a stage that was far along when its replica was killed
        var shown = ProgressDisplay.on(out, false);
        shown.show(progress("j", StageName.TUNE, 70, "layer 7: learning"));
        // When another replica begins its item again and goes beyond
        shown.show(progress("j", StageName.TUNE, 10, "layer 1: reading"));
        shown.show(progress("j", StageName.TUNE, 80, "layer 8: learning"));
        // Then what is done is told, and the percentage stays until it is passed
        assertEquals(
                List.of(
                        "tune        70 %  layer 7: learning",
                        "tune        70 %  layer 1: reading", "tune        80 %  layer 8: learning"),
                lines());
    }

    @Test
    void whatComesTooLateIsNotTold() {
        // Given a stage that is done and the next one under way
        var shown = ProgressDisplay.on(out, false);
        shown.show(progress("j", StageName.PROFILE, 90, "sample"));
        shown.show(completed("j", StageName.PROFILE));
        shown.show(progress("j", StageName.CALIBRATE, 30, "range"));
        // When older events come, of another topic or delivered again
        shown.show(progress("j", StageName.PROFILE, 95, "sample"));
        shown.show(completed("j", StageName.PROFILE));
        shown.show(progress("j", StageName.CALIBRATE, 30, "range"));
        // Then nothing is added
        assertEquals(
                List.of("profile     90 %  sample", "profile    done   in 1.0 s", "calibrate   30 %  range"), lines());
    }

    @Test
    void aStageThatWasPassedIsNotTakenUpAgainButItsEndIsTold() {
        // Given the second stage, which is heard of before the end of the first
        var shown = ProgressDisplay.on(out, false);
        shown.show(progress("j", StageName.CALIBRATE, 5, "range"));
        // When the first one's last events come
        shown.show(progress("j", StageName.PROFILE, 100, "sample"));
        shown.show(completed("j", StageName.PROFILE));
        // Then its end alone is told
        assertEquals(List.of("calibrate    5 %  range", "profile    done   in 1.0 s"), lines());
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
    void noOrderOfEventsMakesAJobGoBackward(long seed) {
        // Given the events of two jobs, mixed up
        var random = new Random(seed);
        // When they are shown as lines
        var shown = ProgressDisplay.ofManyJobs(out);
        mixedUp(random, List.of("a", "b")).forEach(shown::show);
        // Then stages and percentages of each job only rise
        for (var job : List.of("a", "b")) {
            var places = lines().stream()
                    .map(LINE::matcher)
                    .filter(found -> found.matches() && found.group(1).equals(job))
                    .map(found -> StageName.valueOf(found.group(2).toUpperCase(Locale.ROOT))
                                            .ordinal()
                                    * 1000
                            + Integer.parseInt(found.group(3)))
                    .toList();
            assertTrue(places.size() > 1, () -> "seed " + seed);
            assertEquals(places.stream().sorted().toList(), places, () -> "seed " + seed);
        }
    }

    @Test
    void aBarNeverShrinks() {
        // Given a terminal
        var shown = ProgressDisplay.on(out, true);
        // When a stage's events come in any order, slowly enough to be drawn twice: one may fall between the two
        // figures of a bar
        for (var percent : new int[] {10, 60, 20, 70, 30}) {
            shown.show(progress("j", StageName.TUNE, percent, "layer"));
            sleep();
        }
        shown.close();
        // Then its bar only grows
        var drawn = BAR.matcher(bytes.toString())
                .results()
                .map(found -> Integer.valueOf(found.group(2)))
                .toList();
        assertTrue(drawn.contains(60) && drawn.contains(70), bytes::toString);
        assertEquals(drawn.stream().sorted(Comparator.naturalOrder()).toList(), drawn);
    }

    @Test
    void whatIsNoStageOnlyGoesForwardToo() {
        // Given something else that takes time
        var shown = ProgressDisplay.on(out, false).of("images");
        // When it reports less than before
        shown.report(0.5, "read");
        shown.report(0.2, "read");
        shown.report(0.6, "read");
        // Then that is not seen
        assertEquals(List.of("images      50 %  read", "images      60 %  read"), lines());
    }

    private static List<Event> mixedUp(Random random, List<String> jobs) {
        var events = new ArrayList<Event>();
        for (var job : jobs) {
            for (var stage : StageName.values()) {
                for (int percent = 0; percent <= 100; percent += 10) {
                    events.add(progress(job, stage, percent, "piece"));
                }
                events.add(completed(job, stage));
            }
        }
        // Most stay near their place; each may be late.
        var late = new IdentityHashMap<Event, Double>();
        for (int i = 0; i < events.size(); i++) {
            late.put(events.get(i), i % (events.size() / jobs.size()) + 30 * Math.pow(random.nextDouble(), 4));
        }
        events.sort(Comparator.comparing((Function<Event, Double>) late::get));
        return events;
    }

    private static Event progress(String job, StageName stage, double percent, String message) {
        return new Event.Progress(job, stage, percent, message);
    }

    private static Event completed(String job, StageName stage) {
        return new Event.Completed(
                job,
                stage,
                ObjectRef.parse("s3://bucket/manifest"),
                Map.of(),
                Json.MAPPER.createObjectNode(),
                new Event.Seconds(1, 1, 0, 0));
    }

    private static void sleep() {
        try {
            Thread.sleep(600);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    private List<String> lines() {
        return bytes.toString().lines().toList();
    }
}
