package dev.quantline.pipeline.process;

import dev.quantline.onnx.BadInput;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.stage.Earlier;
import dev.quantline.pipeline.stage.Item;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.pipeline.stage.Source;
import dev.quantline.pipeline.stage.Stage;
import dev.quantline.pipeline.stage.StageContext;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A stage whose work is done by a child process. The child gets and leaves files in the folders of the context, which are checked before
 * they are used: whoever takes over the child can spoil the result of its job, and nothing else.
 */
public final class IsolatedStage implements Stage {
    private final Stage stage;
    private final String provider;
    private final ChildProcesses children;

    /**
     * @param stage    has a constructor that takes a {@link dev.quantline.onnx.runtime.Provider}, with which the child makes another
     * @param provider that the child computes on
     */
    public IsolatedStage(Stage stage, String provider, ChildProcesses children) {
        this.stage = stage;
        this.provider = provider;
        this.children = children;
    }

    @Override
    public StageName name() {
        return stage.name();
    }

    @Override
    public Map<String, Source> inputs(JobRequest job, Earlier earlier) {
        return stage.inputs(job, earlier);
    }

    @Override
    public Object settings(JobRequest job) {
        return stage.settings(job);
    }

    @Override
    public List<Item> items(StageContext context) {
        return switch (answer(context, Assignment.Task.ITEMS, Optional.empty())) {
            case Message.Items(var items) -> items;
            case Message other -> throw unexpected(other);
        };
    }

    @Override
    public Outcome run(StageContext context, Item item) {
        return switch (answer(context, Assignment.Task.RUN, Optional.of(item))) {
            case Message.Done(var files, var summary) -> new Outcome.Done(checked(files, context), summary);
            case Message.Paused(var checkpoint) -> new Outcome.Continue(checked(checkpoint, context));
            case Message other -> throw unexpected(other);
        };
    }

    private Message answer(StageContext context, Assignment.Task task, Optional<Item> item) {
        var assignment = Assignment.of(stage.getClass(), provider, task, item, context);
        return switch (children.answer(assignment, message -> heard(message, context), context.pulse())) {
            case Message.Refused(var reason) -> throw new BadInput(reason);
            case Message.Broken(boolean disk, var reason, var trace) -> throw broken(disk, reason, trace);
            case Message answer -> answer;
        };
    }

    private static void heard(Message message, StageContext context) {
        switch (message) {
            case Message.Report(double fraction, var text, var learning) -> {
                if (learning.isPresent()) {
                    context.progress().report(fraction, text, learning.get());
                } else {
                    context.progress().report(fraction, text);
                }
            }
            case Message.HandOver(var file) -> context.handOver().accept(checked(file, context));
            default -> throw unexpected(message);
        }
    }

    private static RuntimeException broken(boolean disk, String reason, String trace) {
        return disk
                ? new UncheckedIOException(reason, new IOException(trace))
                : new IllegalStateException(reason, new RuntimeException(trace));
    }

    private static Map<String, Path> checked(Map<String, Path> files, StageContext context) {
        files.values().forEach(file -> checked(file, context));
        return files;
    }

    /** The context's folders have one parent, which holds nothing but this job's files. */
    private static Path checked(Path file, StageContext context) {
        var folder = context.work().getParent();
        if (!file.equals(file.normalize()) || !file.startsWith(folder)) {
            throw new IllegalStateException("a result lies outside the folder of the work: " + file);
        }
        for (var path = file; !path.equals(folder); path = path.getParent()) {
            if (Files.isSymbolicLink(path)) {
                throw new IllegalStateException("a result is behind a link: " + file);
            }
        }
        if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
            throw new IllegalStateException("a result is not a file: " + file);
        }
        return file;
    }

    private static IllegalStateException unexpected(Message message) {
        return new IllegalStateException("not an answer to what was asked: " + message);
    }
}
