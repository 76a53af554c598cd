package dev.quantline.pipeline.stage;

import dev.quantline.onnx.runtime.Progress;
import dev.quantline.pipeline.event.Event;
import java.time.Duration;
import java.util.Optional;

/**
 * Turns an item's progress into that of its stage: at most two events per second besides those with a held-out loss. Each report is
 * a beat of the job's pulse.
 */
final class ItemProgress implements Progress {
    private static final long EVENT_NANOS = Duration.ofMillis(500).toNanos();

    private final WorkOrder order;
    private final int item;
    private final long before;
    private final EventSink sink;
    private final Runnable pulse;
    private long lastEvent;
    private Optional<Event.Attempt> attempt = Optional.empty();

    /** @param before how many items of the order are stored already */
    ItemProgress(WorkOrder order, int item, long before, EventSink sink, Runnable pulse) {
        this.order = order;
        this.item = item;
        this.before = before;
        this.sink = sink;
        this.pulse = pulse;
        this.lastEvent = System.nanoTime() - EVENT_NANOS;
    }

    /** What is reported from now on belongs to this attempt. */
    void begins(Event.Attempt next) {
        attempt = Optional.of(next);
    }

    @Override
    public void report(double fraction, String message) {
        report(fraction, message, Optional.empty());
    }

    @Override
    public void report(double fraction, String message, Learning learning) {
        report(fraction, message, Optional.of(learning));
    }

    private void report(double fraction, String message, Optional<Learning> learning) {
        var now = System.nanoTime();
        if (now - lastEvent >= EVENT_NANOS
                || learning.filter(point -> point.heldOut() != null).isPresent()) {
            lastEvent = now;
            var name = order.items().size() == 1
                    ? message
                    : order.items().get(item).name() + ": " + message;
            var percent =
                    100 * (before + Math.clamp(fraction, 0, 1)) / order.items().size();
            sink.announce(new Event.Progress(
                    order.job(), order.stage(), Math.round(percent * 10) / 10.0, name, learning, attempt));
        }
        pulse.run();
    }
}
