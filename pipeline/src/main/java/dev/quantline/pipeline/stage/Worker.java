package dev.quantline.pipeline.stage;

import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.store.Keys;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Runs items, storing what they leave. */
final class Worker {
    private final Stage stage;
    private final StageDependencies tools;
    private final StageRecords records;
    private final Attempts attempts;

    Worker(Stage stage, StageDependencies tools) {
        this.stage = stage;
        this.tools = tools;
        this.records = new StageRecords(tools.store());
        this.attempts = new Attempts(tools.store(), tools.replica());
    }

    /** Runs one time slice of an item unless its result exists, and returns what to publish next. */
    Event run(JobRequest job, StoredItems stored, Event.Work work) throws IOException {
        var order = stored.order();
        var folder = Keys.part(folder(order), work.item());
        var done = new Event.WorkDone(work.job(), work.stage(), work.hash(), work.item());
        var next = new Event.Work(work.job(), work.stage(), work.hash(), work.item(), work.slice() + 1);
        if (stored.has(work.item())) {
            return done;
        }
        if (stored.has(work.item(), next.slice())) {
            return next;
        }
        var watch = new Stopwatch();
        try (var place = new WorkDirectory(tools.scratch(), tools.store(), tools.metrics()::downloaded);
                var uploads = new Uploads(tools, place, folder)) {
            place.fetchKnown(order.inputs());
            var checkpoint =
                    work.slice() == 0 ? Optional.<ItemResult>empty() : records.part(Keys.slice(folder, work.slice()));
            var spans = new ArrayList<>(checkpoint.map(ItemResult::spans).orElse(List.of()));
            var earlier = records.earlier(order.previous());
            var before = before(order, order.items().get(work.item()).phase());
            var pulse = pulse(job);
            refuseBeyondJob(order, earlier, spans);
            var progress = new ItemProgress(order, work.item(), stored.count(), tools.sink(), pulse);
            var context = new StageContext(
                    job,
                    place.local(order.inputs()),
                    earlier,
                    place.empty("results"),
                    place.spilling(tools.memory()),
                    finished(place, order, before),
                    checkpoint.map(part -> place.fetchPart("checkpoint", part.files())),
                    progress,
                    pulse,
                    () -> Span.account(
                            order.sinceMillis(),
                            Stream.of(spansOf(before.values()), spans, List.of(order.start(), watch.span()))
                                    .flatMap(List::stream)
                                    .toList()),
                    uploads::begin,
                    tools.version());
            var item = order.items().get(work.item());
            var started = work.slice() == 0 ? folder : Keys.slice(folder, work.slice());
            return switch (attempts.run(started, name(order, item), attempt -> {
                progress.begins(attempt);
                return watch.compute(() -> stage.run(context, item));
            })) {
                case Outcome.Done end -> {
                    var files = uploads.finish(end.files());
                    spans.add(watch.span());
                    records.part(folder, new ItemResult(files, end.summary(), spans));
                    yield done;
                }
                case Outcome.Continue pause -> {
                    var sliceFolder = Keys.slice(folder, next.slice());
                    var files = uploads.finish(sliceFolder, pause.checkpoint());
                    spans.add(watch.span());
                    records.part(sliceFolder, new ItemResult(files, Json.MAPPER.nullNode(), spans));
                    yield next;
                }
            };
        }
    }

    /** Delivers the last item's files, if this is the last stage, and writes the manifest, the last object of a stage. */
    Manifest complete(WorkOrder order) throws IOException {
        var watch = new Stopwatch();
        var folder = folder(order);
        var parts = List.copyOf(before(order, Integer.MAX_VALUE).values());
        var result = parts.getLast();
        if (order.stage().isLast()) {
            result.files()
                    .forEach((name, file) -> tools.store()
                            .copy(
                                    file,
                                    Keys.delivered(order.job(), order.stage().verb(), name)));
        }
        var spans = new ArrayList<>(List.of(order.start(), watch.span()));
        spans.addAll(spansOf(parts));
        var seconds = Span.account(order.sinceMillis(), spans);
        return records.manifest(
                folder,
                new Manifest(
                        order.job(),
                        order.stage(),
                        order.hash(),
                        order.previous(),
                        order.inputs(),
                        order.settings(),
                        result.files(),
                        result.summary(),
                        seconds,
                        order.version()));
    }

    /** The results of the items of all phases before a phase, by number. */
    private Map<Integer, ItemResult> before(WorkOrder order, int phase) {
        var before = new TreeMap<Integer, ItemResult>();
        for (var item = 0; item < order.items().size(); item++) {
            if (order.items().get(item).phase() < phase) {
                before.put(item, records.part(Keys.part(folder(order), item)).orElseThrow());
            }
        }
        return before;
    }

    /** Brings their files back, which must not change. */
    private static List<FinishedItem> finished(WorkDirectory place, WorkOrder order, Map<Integer, ItemResult> before) {
        return before.entrySet().stream()
                .map(each -> new FinishedItem(
                        order.items().get(each.getKey()),
                        place.fetchPart(
                                Keys.part("", each.getKey()), each.getValue().files()),
                        each.getValue().summary()))
                .toList();
    }

    private static List<Span> spansOf(Collection<ItemResult> parts) {
        return parts.stream().flatMap(part -> part.spans().stream()).toList();
    }

    private static String folder(WorkOrder order) {
        return StageRecords.folder(order.job(), order.stage(), order.hash());
    }

    private Pulse pulse(JobRequest job) {
        return new Pulse(job.id(), () -> records.cancelled(job.id()), tools.activity());
    }

    private static String name(WorkOrder order, Item item) {
        return order.items().size() == 1 ? item.name() : order.stage().verb() + ": " + item.name();
    }

    /** Counts what the stages before, and the slices of this item before this one, took. */
    private static void refuseBeyondJob(WorkOrder order, Earlier earlier, List<Span> slices) {
        double spent = earlier.manifests().values().stream()
                        .mapToDouble(stage -> stage.seconds().compute())
                        .sum()
                + Span.account(order.sinceMillis(), slices).compute();
        if (spent > JobLimit.JOB_SECONDS.value()) {
            throw new OverLimit("%s took %.0f seconds of work".formatted(order.job(), spent), JobLimit.JOB_SECONDS);
        }
    }
}
