package dev.quantline.quantize.tune;

import dev.quantline.onnx.runtime.Progress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;

class TimeLeftTest {
    private static final Duration MINUTE = Duration.ofMinutes(1);

    private final List<String> heard = new ArrayList<>();
    /** The start of a clock is arbitrary. */
    private long now = Duration.ofDays(1).toNanos();

    private final TimeLeft timed = new TimeLeft((fraction, message) -> heard.add(fraction + " " + message), () -> now);

    private void report(Duration later, double fraction) {
        now += later.toNanos();
        timed.report(fraction, "at work");
    }

    @Test
    void itGoesOnAtThePaceItHadSoFar() {
        report(Duration.ZERO, 0);
        report(MINUTE.multipliedBy(2), 0.25);
        report(MINUTE, 0.75);
        report(MINUTE, 0.875);

        assertEquals(
                List.of(
                        "0.0 at work",
                        "0.25 at work, about 6 min left",
                        "0.75 at work, about 1 min left",
                        "0.875 at work, less than a minute left"),
                heard);
    }

    @Test
    void whatWasDoneBeforeItBeganDoesNotMakeItFaster() {
        report(Duration.ZERO, 0.5);
        report(MINUTE, 0.6);

        assertEquals("0.6 at work, about 4 min left", heard.getLast());
    }

    @Test
    void nothingIsToldBeforeThePaceIsKnown() {
        report(Duration.ZERO, 0.25);
        report(Duration.ofSeconds(5), 0.5);
        report(Duration.ofSeconds(5), 0.25);

        assertEquals(List.of("0.25 at work", "0.5 at work", "0.25 at work"), heard);
    }

    @Test
    void gettingReadyAndTheFirstStepsOfALaterSliceAreNoPace() {
        now += MINUTE.toNanos();
        report(Duration.ZERO, 0.52);
        report(Duration.ofSeconds(6), 0.5201);
        report(Duration.ofSeconds(54), 0.53);
        report(MINUTE, 0.76);

        assertEquals(
                List.of(
                        "0.52 at work",
                        "0.5201 at work",
                        "0.53 at work, about 47 min left",
                        "0.76 at work, about 2 min left"),
                heard);
    }

    @Test
    void learningIsPassedOn() {
        var points = new ArrayList<Progress.Learning>();
        var learning = new Progress.Learning("part", 3, 4, 0.5, 0.25);
        var told = new TimeLeft(
                new Progress() {
                    @Override
                    public void report(double fraction, String message) {}

                    @Override
                    public void report(double fraction, String message, Learning point) {
                        heard.add(message);
                        points.add(point);
                    }
                },
                () -> now);

        told.report(0, "at work", learning);
        now += MINUTE.toNanos();
        told.report(0.5, "at work", learning);

        assertEquals(List.of("at work", "at work, about 1 min left"), heard);
        assertEquals(List.of(learning, learning), points);
    }
}
