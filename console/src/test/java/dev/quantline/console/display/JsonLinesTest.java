package dev.quantline.console.display;

import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.List;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;

class JsonLinesTest {
    @Test
    void everyEventForPeopleIsALineAndProgressOnlyGoesForward() {
        // Given a program that reads the events
        var bytes = new ByteArrayOutputStream();
        var lines = ProgressDisplay.asJson(new PrintStream(bytes, true));
        // When some come, one of them late
        lines.say("starting");
        lines.show(new Event.Progress("j", StageName.TUNE, 20, "layer"));
        lines.show(new Event.Progress("j", StageName.TUNE, 10, "layer"));
        lines.show(new Event.Cancel("j"));
        lines.show(new Event.Failed("j", "tune", "nothing to tune", false));
        // Then each is an object of its own
        assertEquals(
                List.of(
                        "{\"event\":\"progress\",\"job\":\"j\",\"message\":\"layer\",\"percent\":20.0,\"stage\":\"tune\"}",
                        "{\"event\":\"progress\",\"job\":\"j\",\"message\":\"layer\",\"percent\":20.0,\"stage\":\"tune\"}",
                        "{\"event\":\"failed\",\"job\":\"j\",\"reason\":\"nothing to tune\",\"retryable\":false,\"stage\":\"tune\"}"),
                bytes.toString().lines().toList());
    }
}
