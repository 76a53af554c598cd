package dev.quantline.pipeline.stage;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.onnx.BadInput;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Adds the numbers of a text file, one item a line, and a last one that writes down all of them in item order. The line
 * {@code pause} takes two time slices; {@code bad} is unusable input; {@code bug} is ours; {@code stop} is a service
 * that is stopped at the first attempt; {@code dies} ends the process it runs in, {@code dies once} does so at the first attempt;
 * {@code nap} takes 600 ms; {@code long} takes too long; {@code slow} never ends, slice by slice. What follows {@code then} is
 * another phase, and {@code all} writes the numbers of the phases before its own.
 */
public final class SumStage implements Stage {
    /** Of lines. */
    public final AtomicInteger runs = new AtomicInteger();

    /** What the last sum was told of the stage's time. */
    volatile Event.Seconds spent;

    private final AtomicBoolean stopped = new AtomicBoolean();
    private final AtomicBoolean died = new AtomicBoolean();

    @Override
    public StageName name() {
        return StageName.PROFILE;
    }

    @Override
    public Map<String, Source> inputs(JobRequest job, Earlier earlier) {
        return Map.of("numbers", new Source.Given(job.model()));
    }

    @Override
    public Object settings(JobRequest job) {
        return job.recipe().calibrate();
    }

    @Override
    public List<Item> items(StageContext context) throws IOException {
        var lines = Files.readAllLines(context.file("numbers"));
        if (lines.isEmpty()) {
            throw new BadInput("numbers: no lines; write at least one");
        }
        var items = IntStream.range(0, lines.size())
                .filter(i -> !lines.get(i).equals("then"))
                .mapToObj(i -> Item.of(
                        "line " + i,
                        (int) lines.subList(0, i).stream()
                                .filter("then"::equals)
                                .count(),
                        lines.get(i)))
                .collect(Collectors.toCollection(ArrayList::new));
        if (items.size() > 1) {
            items.add(Item.of("the sum", items.getLast().phase() + 1, "sum"));
        }
        return items;
    }

    @Override
    public Outcome run(StageContext context, Item item) throws IOException {
        runs.addAndGet(item.settings().asText().equals("sum") ? 0 : 1);
        context.progress().report(0.5, "adding");
        return switch (item.settings().asText()) {
            case "sum" -> sum(context);
            case "bad" -> throw new BadInput(item.name() + ": not a number");
            case "dies" -> throw new ProcessDied("of SIGFPE in libonnxruntime.so");
            case "dies once" -> {
                if (died.compareAndSet(false, true)) {
                    throw new ProcessDied("with exit code 7");
                }
                yield done(context, "number", "9");
            }
            case "long" -> throw new OverLimit("took more than 1 seconds", JobLimit.ITEM_SECONDS);
            case "bug" -> throw new IllegalStateException("a bug");
            case "all" -> {
                var numbers = new StringBuilder();
                for (var part : context.finished()) {
                    numbers.append(Files.readString(part.folder().resolve("number")))
                            .append('+');
                }
                yield done(context, "number", numbers.toString());
            }
            case "stop" -> {
                if (stopped.compareAndSet(false, true)) {
                    throw new CompletionException(new InterruptedException());
                }
                yield done(context, "number", "5");
            }
            case "nap" -> {
                pause();
                yield done(context, "number", "3");
            }
            case "slow" -> {
                pause();
                yield new Outcome.Continue(Map.of("state", write(context, "state", "7")));
            }
            case "pause" ->
                context.checkpoint().isEmpty()
                        ? new Outcome.Continue(Map.of("state", write(context, "state", "7")))
                        : done(
                                context,
                                "number",
                                Files.readString(context.checkpoint().get().resolve("state")));
            case String number -> done(context, "number", number);
        };
    }

    private Outcome sum(StageContext context) throws IOException {
        spent = context.spent().get();
        var text = new StringBuilder();
        for (var part : context.finished()) {
            text.append(part.item().name())
                    .append('=')
                    .append(Files.readString(part.folder().resolve("number")))
                    .append(' ');
        }
        return done(context, "sum", text.toString());
    }

    private static void pause() {
        try {
            Thread.sleep(600);
        } catch (InterruptedException e) {
            throw new CompletionException(e);
        }
    }

    private static Outcome.Done done(StageContext context, String name, String content) throws IOException {
        JsonNode summary = Json.MAPPER.createObjectNode().put("length", content.length());
        var file = write(context, name, content);
        context.handOver().accept(file);
        return new Outcome.Done(Map.of(name, file), summary);
    }

    private static Path write(StageContext context, String name, String content) throws IOException {
        return Files.writeString(context.work().resolve(name), content);
    }
}
