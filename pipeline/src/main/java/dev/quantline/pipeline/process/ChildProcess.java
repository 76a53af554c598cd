package dev.quantline.pipeline.process;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.quantline.pipeline.stage.JobLimit;
import dev.quantline.pipeline.stage.OverLimit;
import dev.quantline.pipeline.stage.ProcessDied;
import dev.quantline.pipeline.stage.Scratch;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** One child, as its parent sees it. Used by one thread at a time. */
final class ChildProcess implements AutoCloseable {
    private static final long BEAT_MILLIS = 1000;
    /** Lines a child may be ahead of its parent; it waits with more. */
    private static final int UNHEARD = 256;
    /** Of one line of a child: a plan's items, or a summary, are far shorter. */
    private static final int LINE_BYTES = 64 << 20;

    private static final Duration START = Duration.ofSeconds(60);

    private final Process process;
    private final Path folder;
    private final LastWords words;
    private final OutputStream in;
    private final Thread reader;
    /** Empty: the child has nothing more to say. */
    private final BlockingQueue<Optional<String>> lines = new LinkedBlockingQueue<>(UNHEARD);

    private boolean ready;
    /** What the child said last that it was doing. */
    private String doing = "starting";

    private ChildProcess(Process process, Path folder) {
        this.process = process;
        this.folder = folder;
        this.words = new LastWords(process.getErrorStream());
        this.in = process.getOutputStream();
        this.reader =
                Thread.ofPlatform().daemon().name("child-" + process.pid()).start(this::read);
    }

    static ChildProcess start(Path scratch) {
        try {
            var folder = Files.createTempDirectory(Files.createDirectories(scratch), "process");
            return new ChildProcess(ChildCommand.builder(folder).start(), folder);
        } catch (IOException e) {
            throw new UncheckedIOException("no process can be started for the work of jobs", e);
        }
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** See {@link ChildProcesses#answer}. */
    Message answer(Assignment assignment, Consumer<Message> heard, Runnable pulse) {
        if (!ready) {
            next(new Patience(START, START), pulse);
            ready = true;
        }
        doing = "beginning";
        tell(assignment);
        var patience = new Patience(
                Duration.ofSeconds(JobLimit.ITEM_SECONDS.value()), Duration.ofSeconds(JobLimit.SILENT_SECONDS.value()));
        while (true) {
            var message = next(patience, pulse);
            patience.heard();
            switch (message) {
                case Message.Report report -> {
                    doing = report.message();
                    heard.accept(report);
                }
                case Message.HandOver _ -> heard.accept(message);
                default -> {
                    return message;
                }
            }
        }
    }

    /** Ends the child at once and deletes its temporary files. */
    @Override
    public void close() {
        process.destroyForcibly();
        reader.interrupt();
        process.onExit().join();
        try {
            Scratch.delete(folder);
        } catch (IOException e) {
            throw new UncheckedIOException("the folder of a process cannot be deleted: " + folder, e);
        }
    }

    private void tell(Assignment assignment) {
        try {
            in.write(Json.bytes(assignment));
            in.write('\n');
            in.flush();
        } catch (IOException gone) {
            throw died();
        }
    }

    private Message next(Patience patience, Runnable pulse) {
        try {
            Optional<String> line;
            do {
                line = lines.poll(BEAT_MILLIS, TimeUnit.MILLISECONDS);
                if (patience.isDue()) {
                    pulse.run();
                    patience.check();
                }
            } while (line == null);
            return message(line.orElseThrow(this::died));
        } catch (InterruptedException stopping) {
            Thread.currentThread().interrupt();
            throw new CompletionException(stopping);
        }
    }

    private static Message message(String line) {
        try {
            return Json.MAPPER.readValue(line, Message.class);
        } catch (JsonProcessingException e) {
            throw new ProcessDied("after it said what nobody understands: " + e.getOriginalMessage());
        }
    }

    private RuntimeException died() {
        var cause = words.cause(process.onExit().join().exitValue()) + " (last progress: " + doing + ")";
        return words.sayOutOfMemory()
                ? new OverLimit("out of memory (the process ended " + cause + ")", JobLimit.ITEM_MEMORY)
                : new ProcessDied(cause);
    }

    private void read() {
        Lines.read(process.getInputStream(), LINE_BYTES, line -> lines.put(Optional.of(line)));
        try {
            lines.put(Optional.empty());
        } catch (InterruptedException notListening) {
            Thread.currentThread().interrupt();
        }
    }

    /** How long to wait for the answer, and for any word. */
    private static final class Patience {
        private final Duration whole;
        private final Duration silent;
        private final long since = System.nanoTime();
        private long lastWord = since;
        private long lastLook = since;

        Patience(Duration whole, Duration silent) {
            this.whole = whole;
            this.silent = silent;
        }

        void heard() {
            lastWord = System.nanoTime();
        }

        /** Whether a beat has passed since the last. */
        boolean isDue() {
            var now = System.nanoTime();
            if (now - lastLook < Duration.ofMillis(BEAT_MILLIS).toNanos()) {
                return false;
            }
            lastLook = now;
            return true;
        }

        void check() {
            var now = System.nanoTime();
            if (now - since > whole.toNanos()) {
                throw new OverLimit("took more than " + whole.toSeconds() + " seconds", JobLimit.ITEM_SECONDS);
            }
            if (now - lastWord > silent.toNanos()) {
                throw new OverLimit("made no progress for " + silent.toSeconds() + " seconds", JobLimit.SILENT_SECONDS);
            }
        }
    }
}
