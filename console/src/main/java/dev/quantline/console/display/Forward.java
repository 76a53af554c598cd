package dev.quantline.console.display;

import dev.quantline.onnx.runtime.Progress;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Keeps progress from going backward. Topics are read side by side, so an older event may arrive after a newer one; several replicas
 * report on their own items; and an item that is repeated after a kill starts over.
 */
final class Forward implements ProgressDisplay {
    private final ProgressDisplay shown;
    private final Map<String, Mark> marks = new HashMap<>();
    private final Set<Done> done = new HashSet<>();
    private boolean closed;

    /** The farthest place of a job. */
    private record Mark(StageName stage, double percent) {}

    /** A stage of a job that has ended. */
    private record Done(String job, StageName stage) {}

    Forward(ProgressDisplay shown) {
        this.shown = shown;
    }

    @Override
    public synchronized void show(Event event) {
        if (!closed) {
            forward(event).ifPresent(shown::show);
        }
    }

    /** The event as it may be shown: progress never below what was shown before, and the end of a stage only once. */
    private Optional<Event> forward(Event event) {
        return switch (event) {
            case Event.Progress progress -> forward(progress);
            case Event.Completed completed -> {
                var first = done.add(new Done(completed.job(), completed.stage()));
                marks.merge(completed.job(), new Mark(completed.stage(), 0), Forward::farther);
                yield first ? Optional.of(completed) : Optional.empty();
            }
            case Event.Failed _, Event.Cancel _, Event.Work _, Event.WorkDone _ -> Optional.of(event);
        };
    }

    private Optional<Event> forward(Event.Progress progress) {
        if (done.contains(new Done(progress.job(), progress.stage()))) {
            return Optional.empty();
        }
        var mark = marks.merge(progress.job(), new Mark(progress.stage(), progress.percent()), Forward::farther);
        return mark.stage() != progress.stage()
                ? Optional.empty()
                : Optional.of(new Event.Progress(
                        progress.job(),
                        progress.stage(),
                        mark.percent(),
                        progress.message(),
                        progress.learning(),
                        progress.attempt()));
    }

    private static Mark farther(Mark one, Mark other) {
        var stages = one.stage().compareTo(other.stage());
        return stages > 0 || stages == 0 && one.percent() >= other.percent() ? one : other;
    }

    @Override
    public void say(String message) {
        shown.say(message);
    }

    @Override
    public Progress of(String name) {
        var inner = shown.of(name);
        var most = new double[1];
        return (fraction, message) -> {
            most[0] = Math.max(most[0], fraction);
            inner.report(most[0], message);
        };
    }

    @Override
    public synchronized void close() {
        closed = true;
        shown.close();
    }
}
