package dev.quantline.pipeline.event;

import java.util.List;
import java.util.stream.Stream;

/**
 * The names of all topics under one prefix.
 *
 * @param prefix what every topic name begins with, {@value #DEFAULT_PREFIX} unless configured
 */
public record Topics(String prefix) {
    public static final String DEFAULT_PREFIX = "quantline.";

    /** Where users publish job requests. */
    public String jobs() {
        return prefix + "jobs";
    }

    /** Where a stage says that it is done, {@code quantline.profiled} for instance. */
    public String completed(StageName stage) {
        return prefix + stage.completed();
    }

    public String progress() {
        return prefix + "progress";
    }

    public String failed() {
        return prefix + "failed";
    }

    /** The topic where users ask to stop a job. */
    public String cancel() {
        return prefix + "cancel";
    }

    /** Records that could not be read or handled, as they came, with the cause in headers. */
    public String deadLetter() {
        return prefix + "dead-letter";
    }

    public String work() {
        return prefix + "work";
    }

    public String workDone() {
        return prefix + "work-done";
    }

    /** The topic an event is published on. */
    public String of(Event event) {
        return switch (event) {
            case Event.Completed completed -> completed(completed.stage());
            case Event.Progress _ -> progress();
            case Event.Failed _ -> failed();
            case Event.Cancel _ -> cancel();
            case Event.Work _ -> work();
            case Event.WorkDone _ -> workDone();
        };
    }

    /** Every topic, in a fixed order. */
    public List<String> all() {
        return Stream.concat(
                        Stream.of(jobs(), progress(), failed(), cancel(), deadLetter(), work(), workDone()),
                        Stream.of(StageName.values()).map(this::completed))
                .toList();
    }
}
