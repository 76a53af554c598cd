package dev.quantline.console.display;

import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.ObjectRef;
import dev.quantline.quantize.settings.Json;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;

class LinesTest {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    @Test
    void aPipeGetsOneLineAChange() {
        // Given progress that hardly moves, a finished stage and a failure
        var progress = ProgressDisplay.on(new PrintStream(bytes, true), false);
        // When the events arrive
        progress.show(new Event.Progress("j", StageName.PROFILE, 10, "sample 16"));
        progress.show(new Event.Progress("j", StageName.PROFILE, 11, "sample 32"));
        progress.show(new Event.Progress("j", StageName.PROFILE, 16, "sample 48"));
        progress.show(new Event.Completed(
                "j",
                StageName.PROFILE,
                ObjectRef.parse("s3://bucket/manifest"),
                Map.of(),
                Json.MAPPER.createObjectNode(),
                new Event.Seconds(2.14, 2, 0, 0)));
        progress.show(new Event.WorkDone("j", StageName.CALIBRATE, "0".repeat(64), 0));
        progress.show(new Event.Failed("j", "calibrate", "nothing to quantize", false));
        // Then small steps and inner events are left out, and the failure, which the command ends with
        assertEquals(
                List.of("profile     10 %  sample 16", "profile     16 %  sample 48", "profile    done   in 2.1 s"),
                bytes.toString().lines().toList());
    }

    @Test
    void severalJobsAreToldApart() {
        // Given two jobs
        var progress = ProgressDisplay.ofManyJobs(new PrintStream(bytes, true));
        // When both go on
        progress.show(new Event.Progress("a", StageName.TUNE, 50, "layer"));
        progress.show(new Event.Progress("b", StageName.TUNE, 50, "layer"));
        progress.show(new Event.Failed("a", "tune", "nothing to tune", false));
        // Then each line begins with its job
        assertEquals(
                List.of(
                        "a tune        50 %  layer",
                        "b tune        50 %  layer", "a tune       failed nothing to tune"),
                bytes.toString().lines().toList());
    }
}
