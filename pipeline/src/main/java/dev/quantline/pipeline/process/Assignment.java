package dev.quantline.pipeline.process;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.pipeline.event.Event.Seconds;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.stage.Earlier;
import dev.quantline.pipeline.stage.FinishedItem;
import dev.quantline.pipeline.stage.Item;
import dev.quantline.pipeline.stage.Manifest;
import dev.quantline.pipeline.stage.StageContext;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * What a child is to do, as it is written to it: the arguments of one method of a stage.
 *
 * @param stage    name of the class, which has a constructor that takes a {@link dev.quantline.onnx.runtime.Provider}
 * @param provider as {@link dev.quantline.onnx.runtime.Provider#parse} reads it
 * @param item     of a run
 * @param finished of the phases before that of the item
 * @param spent    where the time went before the child got this
 */
record Assignment(
        String stage,
        String provider,
        Task task,
        Optional<Item> item,
        List<Part> finished,
        JobRequest job,
        Map<String, List<Path>> inputs,
        List<Manifest> earlier,
        Path work,
        Path spillFolder,
        long spillMemory,
        Optional<Path> checkpoint,
        Seconds spent,
        String version) {
    /** The methods of a stage that may call native code. */
    enum Task {
        ITEMS,
        RUN
    }

    /** A {@link FinishedItem}. */
    record Part(Item item, Path folder, JsonNode summary) {
        static Part of(FinishedItem part) {
            return new Part(part.item(), part.folder(), part.summary());
        }

        FinishedItem finished() {
            return new FinishedItem(item, folder, summary);
        }
    }

    static Assignment of(Class<?> stage, String provider, Task task, Optional<Item> item, StageContext context) {
        return new Assignment(
                stage.getName(),
                provider,
                task,
                item,
                context.finished().stream().map(Part::of).toList(),
                context.job(),
                context.inputs(),
                List.copyOf(context.earlier().manifests().values()),
                context.work(),
                context.spilling().folder(),
                context.spilling().memory(),
                context.checkpoint(),
                context.spent().get(),
                context.version());
    }

    /** The context in the child. */
    StageContext context(Progress progress, Consumer<Path> handOver) {
        long since = System.nanoTime();
        return new StageContext(
                job,
                inputs,
                new Earlier(earlier.stream().collect(Collectors.toMap(Manifest::stage, Function.identity()))),
                work,
                new Spilling(spillFolder, spillMemory),
                finished.stream().map(Part::finished).toList(),
                checkpoint,
                progress,
                () -> {},
                () -> computedSince(since),
                handOver,
                version);
    }

    private Seconds computedSince(long nanos) {
        double more = Duration.ofNanos(System.nanoTime() - nanos).toMillis() / 1000.0;
        return new Seconds(spent.wall() + more, spent.compute() + more, spent.store(), spent.events());
    }
}
