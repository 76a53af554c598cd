package dev.quantline.pipeline.stage;

import dev.quantline.onnx.runtime.Progress.Learning;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.quantize.settings.Json;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ItemProgressTest {
    private final List<Event.Progress> announced = new ArrayList<>();

    private ItemProgress progress() {
        var order = new WorkOrder(
                "job",
                StageName.TUNE,
                "0",
                Optional.empty(),
                Map.of(),
                Json.MAPPER.nullNode(),
                List.of(Item.of("tune", true)),
                "test",
                0,
                new Span(0, 0, 0));
        return new ItemProgress(
                order,
                0,
                0,
                new EventSink() {
                    @Override
                    public void publish(Event event) {
                        throw new AssertionError("progress is announced");
                    }

                    @Override
                    public void announce(Event.Progress event) {
                        announced.add(event);
                    }
                },
                () -> {});
    }

    @Test
    void whatIsToldBelongsToTheLastAttemptThatBegan() {
        var progress = progress();
        var second = new Event.Attempt("machine-1", 2, 1);

        progress.begins(new Event.Attempt("machine-1", 1, 0));
        progress.begins(second);
        progress.report(0.5, "half");

        assertEquals(Optional.of(second), announced.getLast().attempt());
    }

    @Test
    void fewStepsAreToldAndEveryHeldOutLoss() {
        var progress = progress();

        for (int step = 0; step <= 100; step++) {
            progress.report(
                    step / 100.0, "step " + step, new Learning("block", step, 100, 0.5, step % 50 == 0 ? 0.4 : null));
        }

        var points =
                announced.stream().map(event -> event.learning().orElseThrow()).toList();
        assertEquals(
                List.of(0, 50, 100),
                points.stream()
                        .filter(point -> point.heldOut() != null)
                        .map(Learning::step)
                        .toList());
        assertTrue(points.size() < 50, points.size() + " events");
        assertTrue(announced.stream().allMatch(event -> event.attempt().isEmpty()));
        assertEquals(
                50.0,
                announced.stream()
                        .filter(event -> event.message().equals("step 50"))
                        .findFirst()
                        .orElseThrow()
                        .percent());
    }
}
