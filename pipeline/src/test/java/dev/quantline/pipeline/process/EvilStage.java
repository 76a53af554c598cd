package dev.quantline.pipeline.process;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.runtime.Progress.Learning;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.stage.Earlier;
import dev.quantline.pipeline.stage.Item;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.pipeline.stage.Source;
import dev.quantline.pipeline.stage.Stage;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Does what hostile models make native code do; an item's name says what. */
public final class EvilStage implements Stage {
    private static final int BLOCK = 64 << 20;

    /** Where the child makes it; where it computes does not matter here. */
    public EvilStage(Provider provider) {}

    @Override
    public StageName name() {
        return StageName.PROFILE;
    }

    @Override
    public Map<String, Source> inputs(JobRequest job, Earlier earlier) {
        return Map.of("what", new Source.Given(job.model()));
    }

    @Override
    public Object settings(JobRequest job) {
        return job.recipe().calibrate();
    }

    @Override
    public List<Item> items(StageContext context) throws IOException {
        return Files.readAllLines(context.file("what")).stream()
                .map(what -> Item.of(what, true))
                .toList();
    }

    @Override
    public Outcome run(StageContext context, Item item) throws IOException {
        System.out.println("native code prints what it likes");
        context.progress().report(.5, item.name(), new Learning("all", 1, 2, .25, null));
        switch (item.name()) {
            case "segfault" -> MemorySegment.NULL.reinterpret(1).set(ValueLayout.JAVA_BYTE, 0, (byte) 1);
            case "exit" -> Runtime.getRuntime().halt(7);
            case "silent" -> sleep();
            case "busy" -> {
                while (true) {
                    context.progress().report(.5, "still busy");
                }
            }
            case "native memory" -> {
                while (true) {
                    Arena.global().allocate(BLOCK).fill((byte) 1);
                }
            }
            case "heap" -> {
                var all = new ArrayList<byte[]>();
                while (true) {
                    all.add(new byte[BLOCK]);
                }
            }
            case "bad" -> throw new BadInput("node 'conv1': no");
            case "bug" -> throw new IllegalStateException("a bug");
            case "outside" -> {
                return done(Path.of("/etc/passwd"));
            }
            case "link" -> {
                return done(Files.createSymbolicLink(context.work().resolve("result"), Path.of("/etc/passwd")));
            }
            case "upwards" -> {
                return done(Path.of(context.work() + "/../../../../../../../../etc/passwd"));
            }
            case "all" -> {
                return all(context);
            }
            case "keys" -> {
                return done(Files.writeString(
                        context.work().resolve("result"),
                        System.getenv() + " " + System.getProperties() + " "
                                + ProcessHandle.current().info().commandLine()));
            }
            default -> {
                var file = Files.writeString(context.work().resolve("result"), item.name());
                context.handOver().accept(file);
                return done(file);
            }
        }
        throw new IllegalStateException("not reached");
    }

    private static Outcome.Done all(StageContext context) throws IOException {
        var all = new StringBuilder();
        for (var part : context.finished()) {
            all.append(Files.readString(part.folder().resolve("result"))).append(' ');
        }
        return done(Files.writeString(context.work().resolve("result"), all));
    }

    private static Outcome.Done done(Path file) {
        return new Outcome.Done(Map.of("result", file), Json.tree("fine"));
    }

    private static void sleep() {
        try {
            Thread.sleep(600_000);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
