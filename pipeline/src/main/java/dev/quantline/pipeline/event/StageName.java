package dev.quantline.pipeline.event;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Arrays;
import java.util.Optional;

/** The four stages in the order a job passes them. */
public enum StageName {
    PROFILE("profile", "profiled", "profiler"),
    CALIBRATE("calibrate", "calibrated", "calibrator"),
    TUNE("tune", "tuned", "tuner"),
    EXPORT("export", "exported", "exporter");

    private final String verb;
    private final String completed;
    private final String service;

    StageName(String verb, String completed, String service) {
        this.verb = verb;
        this.completed = completed;
        this.service = service;
    }

    /** As in {@code jobs/<id>/profile/…} and in the report. */
    @JsonValue
    public String verb() {
        return verb;
    }

    /** As in the topic {@code quantline.profiled} and the type {@code dev.quantline.profiled.v1}. */
    public String completed() {
        return completed;
    }

    /** Who does it, as in the consumer group {@code quantline.profiler-work}. */
    public String service() {
        return service;
    }

    /** The stage whose completion triggers this one; the first is triggered by the job itself. */
    public Optional<StageName> before() {
        return ordinal() == 0 ? Optional.empty() : Optional.of(values()[ordinal() - 1]);
    }

    /** Whether a job is done after it. */
    public boolean isLast() {
        return ordinal() == values().length - 1;
    }

    static Optional<StageName> completedAs(String word) {
        return Arrays.stream(values())
                .filter(stage -> stage.completed.equals(word))
                .findFirst();
    }
}
