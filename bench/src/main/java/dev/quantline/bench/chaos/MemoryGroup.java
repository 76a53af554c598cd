package dev.quantline.bench.chaos;

import dev.quantline.bench.ProcessMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;

/**
 * A control group of Linux: the processes in it get no more memory than its limit, pages of files included, as in a container. Needs
 * root, and version 1 or 2 of control groups.
 */
final class MemoryGroup implements AutoCloseable {
    private static final Path VERSION_1 = Path.of("/sys/fs/cgroup/memory");
    private static final Path VERSION_2 = Path.of("/sys/fs/cgroup");

    private final Path folder;
    private final boolean first;

    /** @throws IOException if this machine or this user may not make one */
    MemoryGroup(String name, long bytes) throws IOException {
        first = Files.isDirectory(VERSION_1);
        if (!first) {
            Files.writeString(VERSION_2.resolve("cgroup.subtree_control"), "+memory");
        }
        folder = Files.createDirectory((first ? VERSION_1 : VERSION_2).resolve(name));
        Files.writeString(folder.resolve(first ? "memory.limit_in_bytes" : "memory.max"), String.valueOf(bytes));
    }

    /** A command that runs another one, and all processes that this one starts, in the group. */
    List<String> around(List<String> command) {
        var around = new ArrayList<>(List.of(
                "/bin/sh",
                "-c",
                "echo $$ >\"$1\" && shift && exec \"$@\"",
                "sh",
                processes().toString()));
        around.addAll(command);
        return around;
    }

    private Path processes() {
        return folder.resolve("cgroup.procs");
    }

    /** Bytes that the group had at its peak, and took again from pages of files whenever it needed more. */
    long peak() throws IOException {
        return Long.parseLong(Files.readString(folder.resolve(first ? "memory.max_usage_in_bytes" : "memory.peak"))
                .strip());
    }

    /**
     * KiB of memory of its processes, without pages of files: what cannot be taken from them. A process that ends meanwhile counts no
     * more.
     */
    long own() throws IOException {
        long sum = 0;
        for (var pid : pids()) {
            try {
                sum += ProcessMemory.kibibytes(pid, "RssAnon");
            } catch (NoSuchFileException | NoSuchElementException ended) {
                // Its memory is free.
            }
        }
        return sum;
    }

    private List<String> pids() throws IOException {
        return Files.exists(processes()) ? Files.readAllLines(processes()) : List.of();
    }

    /** Ends the processes in the group and removes it. */
    @Override
    public void close() throws IOException {
        for (var left = pids(); !left.isEmpty(); left = pids()) {
            left.forEach(pid -> ProcessHandle.of(Long.parseLong(pid)).ifPresent(process -> {
                process.destroyForcibly();
                process.onExit().join();
            }));
        }
        Files.deleteIfExists(folder);
    }
}
