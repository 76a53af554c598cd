package dev.quantline.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The memory of processes, as Linux reports it. */
public final class ProcessMemory {
    private ProcessMemory() {}

    /** Of this process: resident memory at its peak so far, in KiB (VmHWM). */
    public static long peak() throws IOException {
        return kibibytes("VmHWM");
    }

    /** A field of {@code /proc/self/status}, in KiB. */
    public static long kibibytes(String field) throws IOException {
        return kibibytes("self", field);
    }

    /** The same of another process, in KiB. */
    public static long kibibytes(String pid, String field) throws IOException {
        return Files.readAllLines(Path.of("/proc", pid, "status")).stream()
                .filter(line -> line.startsWith(field + ":"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                .findFirst()
                .orElseThrow();
    }
}
