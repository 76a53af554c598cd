package dev.quantline.console.command;

import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** Ids for jobs whose user gave none: the file's name and the second. */
final class JobIds {
    private static final DateTimeFormatter SECOND = DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss");
    private static final int LONGEST_NAME = 40;

    private JobIds() {}

    static String of(Path file) {
        var name = file.getFileName()
                .toString()
                .toLowerCase(Locale.ROOT)
                .replaceFirst("\\.[a-z]+$", "")
                .replaceAll("[^a-z0-9]+", "-")
                .replaceFirst("^-+", "");
        return (name.isEmpty() ? "job" : name.substring(0, Math.min(name.length(), LONGEST_NAME))) + "-"
                + SECOND.format(LocalDateTime.now());
    }
}
