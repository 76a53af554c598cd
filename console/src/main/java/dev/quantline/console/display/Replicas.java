package dev.quantline.console.display;

import dev.quantline.onnx.Escaped;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Who works on which job: tells news from what was told, and one replica from several. */
public final class Replicas {
    private static final DateTimeFormatter SECOND = DateTimeFormatter.ofPattern("MM-dd HH:mm:ss", Locale.ROOT);
    private static final int ITEM = 26;
    private static final int NAME = 20;
    private static final String CUT = "...";

    private final Map<Stage, Set<String>> ofStages = new HashMap<>();
    private final Set<News> told = new HashSet<>();

    private record Stage(String job, StageName name) {}

    /** Worth a word once: a replica of a job, and each attempt but the first at any of its items. */
    private record News(String job, Event.Attempt attempt) {}

    /** The attempt behind an event where that is news, in words. */
    Optional<String> news(Event.Progress progress) {
        return progress.attempt()
                .filter(attempt -> !heard(progress, attempt).isEmpty() && isNew(progress, attempt))
                .map(attempt -> " (%s since %s%s)"
                        .formatted(
                                attempt.replica(),
                                since(attempt, ZoneId.systemDefault()),
                                attempt.number() > 1 ? ", attempt " + attempt.number() : ""));
    }

    /** All that have been heard of at a stage, now this one too. */
    private Set<String> heard(Event.Progress progress, Event.Attempt attempt) {
        var replicas = ofStages.computeIfAbsent(new Stage(progress.job(), progress.stage()), _ -> new HashSet<>());
        replicas.add(attempt.replica());
        return replicas;
    }

    private boolean isNew(Event.Progress progress, Event.Attempt attempt) {
        var first = told.add(new News(progress.job(), new Event.Attempt(attempt.replica(), 1, 0)));
        return attempt.number() > 1 ? told.add(new News(progress.job(), attempt)) : first;
    }

    /** The replica behind an event, where several have been heard of at work on its stage. */
    Optional<String> oneOfSeveral(Event.Progress progress) {
        return progress.attempt()
                .filter(attempt -> heard(progress, attempt).size() > 1)
                .map(Event.Attempt::replica);
    }

    /** An item that is being worked on, in a line of 80 columns at most; long names are cut. */
    public static String row(String item, Event.Attempt attempt, ZoneId zone) {
        return String.format(
                Locale.ROOT,
                "  %-" + ITEM + "s %-" + NAME + "s since %s attempt %d",
                head(Escaped.text(item)),
                tail(attempt.replica()),
                since(attempt, zone),
                attempt.number());
    }

    private static String since(Event.Attempt attempt, ZoneId zone) {
        return SECOND.format(Instant.ofEpochMilli(attempt.sinceMillis()).atZone(zone));
    }

    private static String head(String name) {
        return name.length() <= ITEM ? name : name.substring(0, ITEM - CUT.length()) + CUT;
    }

    /** Replicas differ at the end. */
    private static String tail(String name) {
        return name.length() <= NAME ? name : CUT + name.substring(name.length() - NAME + CUT.length());
    }
}
