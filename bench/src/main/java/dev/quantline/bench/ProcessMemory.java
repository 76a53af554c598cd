package dev.quantline.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** This process's memory, as Linux reports it. */
public final class ProcessMemory {
    private ProcessMemory() {}

    /** Resident memory at its peak so far, in KiB (VmHWM). */
    public static long peak() throws IOException {
        return kibibytes("VmHWM");
    }

    /** A field of {@code /proc/self/status}, in KiB. */
    public static long kibibytes(String field) throws IOException {
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith(field + ":"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                .findFirst()
                .orElseThrow();
    }
}
