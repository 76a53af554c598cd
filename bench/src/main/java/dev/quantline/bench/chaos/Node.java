package dev.quantline.bench.chaos;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** A process that is killed and started again with the same command. Thread-safe. */
final class Node {
    private final List<String> command;
    private final Path log;
    private Process process;

    /** @param log gets what every run of the process prints */
    Node(List<String> command, Path log) {
        this.command = command;
        this.log = log;
    }

    synchronized void start() {
        try {
            process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                    .start();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot be started: " + command, e);
        }
    }

    synchronized boolean isUp() {
        return process != null && process.isAlive();
    }

    /** Of the run under way. */
    synchronized long pid() {
        return process.pid();
    }

    /** {@code kill -9}, and returns when the process is gone. */
    synchronized void kill() {
        if (process != null) {
            process.destroyForcibly();
            process.onExit().join();
        }
    }

    /** The process that works on the items of this one. */
    synchronized Optional<ProcessHandle> child() {
        return isUp() ? process.children().findFirst() : Optional.empty();
    }

    /** @param name {@code STOP} or {@code CONT} */
    synchronized void signal(String name) {
        if (isUp()) {
            try {
                new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid()))
                        .start()
                        .onExit()
                        .join();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
