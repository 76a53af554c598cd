package dev.quantline.console.stack;

import dev.quantline.onnx.BadInput;
import dev.quantline.pipeline.event.Topics;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** What a whole stack consists of; each can run by itself. */
public enum Part {
    BROKER,
    STORE,
    PROFILER,
    CALIBRATOR,
    TUNER,
    EXPORTER;

    /**
     * The part that a word names.
     *
     * @throws BadInput when there is none; lists all
     */
    public static Part of(String word) {
        return Arrays.stream(values())
                .filter(part -> part.word().equals(word))
                .findFirst()
                .orElseThrow(() -> new BadInput("'%s' is no part; there are %s"
                        .formatted(word, Arrays.stream(values()).map(Part::word).collect(Collectors.joining(", ")))));
    }

    /** As people write it. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Whether it works on jobs, in any number of replicas; the others are what all services talk to, and exist once. */
    public boolean isService() {
        return this != BROKER && this != STORE;
    }

    /** The channels of all services but this one, which are named as their consumer groups are. */
    List<String> channelsOfOthers() {
        return new Topics("")
                .groups().keySet().stream()
                        .filter(channel -> !channel.startsWith(word() + "-"))
                        .toList();
    }
}
