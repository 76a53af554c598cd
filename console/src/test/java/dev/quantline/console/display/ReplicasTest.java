package dev.quantline.console.display;

import dev.quantline.console.HostileNetwork;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ReplicasTest {
    private static final int COLUMNS = 80;
    private static final Instant SINCE = Instant.parse("2026-11-28T13:05:12.345Z");

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    private static Event.Attempt attempt(String replica, int number) {
        return new Event.Attempt(replica, number, SINCE.toEpochMilli());
    }

    private static Event progress(StageName stage, double percent, String message, Event.Attempt attempt) {
        return new Event.Progress("j", stage, percent, message, Optional.empty(), Optional.of(attempt));
    }

    @Test
    void aRowHasItemReplicaTimeAndAttempt() {
        assertEquals(
                "  samples 256 to 512         machine-4711         since 11-28 13:05:12 attempt 2",
                Replicas.row("samples 256 to 512", attempt("machine-4711", 2), ZoneOffset.UTC));
    }

    @Test
    void longAndHostileNamesKeepTheRowWithinATerminal() {
        // Given the name of a pod, and one that a model brought
        var pod = "quantline-tuner-7d9f8c6b5d-x2x9z-1";
        // When their rows are made
        var row = Replicas.row("reconstruct 3 of 8, model.layers.17.attention", attempt(pod, 1), ZoneOffset.UTC);
        var hostile = Replicas.row(HostileNetwork.NAME, attempt(HostileNetwork.NAME, 1), ZoneOffset.UTC);
        // Then both fit, the beginning of the item and the end of the replica are there, and nothing acts
        assertEquals("  reconstruct 3 of 8, mod... ...d9f8c6b5d-x2x9z-1 since 11-28 13:05:12 attempt 1", row);
        assertTrue(row.length() <= COLUMNS && hostile.length() <= COLUMNS, hostile);
        HostileNetwork.assertHarmless("row", hostile);
    }

    @Test
    void linesNameAReplicaWhenItIsNewAndWhereThereAreSeveral() {
        // Given one replica that profiles, and two that tune, one of them again
        var progress = ProgressDisplay.on(new PrintStream(bytes, true), false);
        // When they report
        progress.show(progress(StageName.PROFILE, 10, "sample 1", attempt("a-1", 1)));
        progress.show(progress(StageName.PROFILE, 50, "sample 2", attempt("a-1", 1)));
        progress.show(progress(StageName.TUNE, 10, "layer 1", attempt("b-1", 1)));
        progress.show(progress(StageName.TUNE, 11, "layer 2", attempt("b-2", 1)));
        progress.show(progress(StageName.TUNE, 12, "layer 3", attempt("b-1", 1)));
        progress.show(progress(StageName.TUNE, 13, "layer 4", attempt("b-2", 2)));
        progress.show(progress(StageName.TUNE, 50, "layer 5", attempt("b-1", 1)));
        // Then each is introduced, another attempt is news, and from then on lines say whose they are
        var since =
                " since " + DateTimeFormatter.ofPattern("MM-dd HH:mm:ss").format(SINCE.atZone(ZoneId.systemDefault()));
        assertEquals(
                List.of(
                        "profile     10 %  sample 1 (a-1" + since + ")",
                        "profile     50 %  sample 2",
                        "tune        10 %  layer 1 (b-1" + since + ")",
                        "tune        11 %  layer 2 (b-2" + since + ")",
                        "tune        13 %  layer 4 (b-2" + since + ", attempt 2)",
                        "tune        50 %  layer 5 (b-1)"),
                bytes.toString().lines().toList());
    }
}
