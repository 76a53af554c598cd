package dev.quantline.pipeline.event;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
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

    /** Items of a stage that are to be done, {@code quantline.profile.work} for instance. */
    public String work(StageName stage) {
        return prefix + stage.verb() + ".work";
    }

    /** Items of a stage that are stored. */
    public String workDone(StageName stage) {
        return prefix + stage.verb() + ".work-done";
    }

    /** The topic an event is published on. */
    public String of(Event event) {
        return switch (event) {
            case Event.Completed completed -> completed(completed.stage());
            case Event.Progress _ -> progress();
            case Event.Failed _ -> failed();
            case Event.Cancel _ -> cancel();
            case Event.Work work -> work(work.stage());
            case Event.WorkDone done -> workDone(done.stage());
        };
    }

    /** The consumer groups of all services, each with the topic that it reads. */
    public SequencedMap<String, String> groups() {
        var groups = new LinkedHashMap<String, String>();
        for (var stage : StageName.values()) {
            var group = prefix + stage.service() + "-";
            stage.before().ifPresentOrElse(before -> groups.put(group + before.completed(), completed(before)), () -> {
                groups.put(group + "jobs", jobs());
                groups.put(group + "cancel", cancel());
            });
            groups.put(group + "work", work(stage));
            groups.put(group + "work-done", workDone(stage));
        }
        return groups;
    }

    /** Every topic, in a fixed order. */
    public List<String> all() {
        return Stream.concat(
                        Stream.of(jobs(), progress(), failed(), cancel(), deadLetter()),
                        Stream.of(StageName.values())
                                .flatMap(stage -> Stream.of(completed(stage), work(stage), workDone(stage))))
                .toList();
    }
}
