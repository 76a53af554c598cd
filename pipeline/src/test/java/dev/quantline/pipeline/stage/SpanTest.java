package dev.quantline.pipeline.stage;

import dev.quantline.pipeline.event.Event.Seconds;
import java.util.List;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;

class SpanTest {
    @Test
    void whatNoReplicaHandledIsTheEventsShare() {
        var start = new Span(1_500, 2_000, 100);
        var item = new Span(2_500, 6_500, 3_500);

        assertEquals(new Seconds(6, 3.6, 0.9, 1.5), Span.account(1_000, 7_000, List.of(item, start)));
    }

    @Test
    void parallelReplicasComputeMoreThanTheWallShows() {
        var one = new Span(1_000, 5_000, 4_000);
        var two = new Span(2_000, 6_000, 4_000);

        assertEquals(new Seconds(5, 8, 0, 0), Span.account(1_000, 6_000, List.of(two, one)));
    }

    @Test
    void aHandlingBeforeTheStageBeganDoesNotCount() {
        assertEquals(new Seconds(2, 0, 3, 1), Span.account(2_000, 4_000, List.of(new Span(0, 3_000, 0))));
    }

    @Test
    void aClockThatIsAheadOfOursMakesNoStageShorterThanNothing() {
        var one = new Span(1_000, 2_000, 500);
        var two = new Span(3_000, 4_000, 1_000);

        assertEquals(new Seconds(3, 1.5, 0.5, 1), Span.account(3_600_000, 4_000, List.of(two, one)));
    }
}
