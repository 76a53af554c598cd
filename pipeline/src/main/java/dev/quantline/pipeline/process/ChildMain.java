package dev.quantline.pipeline.process;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.pipeline.stage.Stage;
import dev.quantline.quantize.settings.Json;
import java.io.BufferedReader;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Stream;

/**
 * The child: does one assignment after the other until its parent closes the pipe or dies. Speaks on a descriptor of its own, because
 * native code prints to standard output.
 */
public final class ChildMain {
    private final OutputStream parent;

    private ChildMain(OutputStream parent) {
        this.parent = parent;
    }

    /** @param arguments the file to speak to */
    public static void main(String... arguments) throws IOException, InterruptedException {
        try (var parent = new FileOutputStream(arguments[0])) {
            var child = new ChildMain(parent);
            var assignments = assignments();
            child.say(new Message.Ready());
            while (true) {
                child.say(
                        child.answer(Json.read(assignments.take().getBytes(StandardCharsets.UTF_8), Assignment.class)));
            }
        }
    }

    /** The lines the parent writes. Read by a thread of its own: a child whose parent is gone ends in the midst of its work. */
    private static BlockingQueue<String> assignments() {
        var lines = new LinkedBlockingQueue<String>();
        Thread.ofPlatform().daemon().name("assignments").start(() -> {
            try (var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
                in.lines().forEach(lines::add);
            } catch (IOException | UncheckedIOException gone) {
                // The end of the pipe, as below.
            }
            Runtime.getRuntime().halt(0);
        });
        return lines;
    }

    private Message answer(Assignment assignment) {
        try {
            return done(assignment);
        } catch (BadInput refused) {
            return isOutOfMemory(refused)
                    ? new Message.OutOfMemory(refused.getMessage())
                    : new Message.Refused(refused.getMessage());
        } catch (Exception | Error failure) {
            if (isOutOfMemory(failure)) {
                return new Message.OutOfMemory(String.valueOf(failure.getMessage()));
            }
            var trace = new StringWriter();
            failure.printStackTrace(new PrintWriter(trace));
            boolean disk = failure instanceof IOException || failure instanceof UncheckedIOException;
            return new Message.Broken(disk, failure.toString(), trace.toString());
        }
    }

    private Message done(Assignment assignment) throws IOException, ReflectiveOperationException {
        var made = Class.forName(assignment.stage()).getDeclaredConstructor(Provider.class);
        made.setAccessible(true);
        var stage = (Stage) made.newInstance(Provider.parse(assignment.provider()));
        var context = assignment.context(new Reporting(), file -> say(new Message.HandOver(file)));
        return switch (assignment.task()) {
            case ITEMS -> new Message.Items(stage.items(context));
            case RUN -> message(stage.run(context, assignment.item().orElseThrow()));
        };
    }

    private static Message message(Outcome outcome) {
        return switch (outcome) {
            case Outcome.Done end -> new Message.Done(end.files(), end.summary());
            case Outcome.Continue pause -> new Message.Paused(pause.checkpoint());
        };
    }

    /** Java says so by its error, C++ by the name of its exception, which ONNX Runtime passes on. */
    private static boolean isOutOfMemory(Throwable failure) {
        return Stream.iterate(failure, Objects::nonNull, Throwable::getCause)
                .anyMatch(cause -> cause instanceof OutOfMemoryError
                        || String.valueOf(cause.getMessage())
                                .matches("(?is).*(bad[_ ]alloc|failed to allocate memory).*"));
    }

    private synchronized void say(Message message) {
        try {
            parent.write(message.line());
            parent.write('\n');
        } catch (IOException gone) {
            Runtime.getRuntime().halt(0);
        }
    }

    private final class Reporting implements Progress {
        @Override
        public void report(double fraction, String message) {
            say(new Message.Report(fraction, message, Optional.empty()));
        }

        @Override
        public void report(double fraction, String message, Learning learning) {
            say(new Message.Report(fraction, message, Optional.of(learning)));
        }
    }
}
