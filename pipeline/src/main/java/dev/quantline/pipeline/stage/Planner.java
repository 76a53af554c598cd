package dev.quantline.pipeline.stage;

import dev.quantline.onnx.runtime.Progress;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.job.ObjectRef;
import dev.quantline.pipeline.store.Keys;
import dev.quantline.pipeline.store.StoredFile;
import dev.quantline.quantize.settings.Hashes;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Makes the work order of a stage: fetches the inputs, names the result by what it depends on, splits the work. */
final class Planner {
    private final Stage stage;
    private final StageDependencies tools;
    private final StageRecords records;
    private final Attempts attempts;

    Planner(Stage stage, StageDependencies tools) {
        this.stage = stage;
        this.tools = tools;
        this.records = new StageRecords(tools.store());
        this.attempts = new Attempts(tools.store(), tools.replica());
    }

    /** The order for a job, the stored one if there is one. */
    WorkOrder order(JobRequest job, Optional<ObjectRef> previous, long sinceMillis) throws IOException {
        var watch = new Stopwatch();
        var earlier = records.earlier(previous);
        try (var place = new WorkDirectory(tools.scratch(), tools.store(), tools.metrics()::downloaded)) {
            var inputs = place.fetch(stage.inputs(job, earlier));
            var settings = Json.tree(stage.settings(job));
            var hash = hash(inputs, Map.of("stage", stage.name(), "version", tools.version(), "settings", settings));
            var folder = StageRecords.folder(job.id(), stage.name(), hash);
            var known = records.order(folder);
            if (known.isPresent()) {
                return known.get();
            }
            var context = new StageContext(
                    job,
                    place.local(inputs),
                    earlier,
                    place.empty("results"),
                    place.spilling(tools.memory()),
                    List.of(),
                    Optional.empty(),
                    Progress.none(),
                    new Pulse(job.id(), () -> records.cancelled(job.id()), tools.activity()),
                    () -> Span.account(sinceMillis, List.of(watch.span())),
                    _ -> {},
                    tools.version());
            var items = attempts.run(
                    Keys.plan(folder),
                    stage.name().verb() + ": splitting the work into items",
                    _ -> watch.compute(() -> stage.items(context)));
            return records.order(new WorkOrder(
                    job.id(),
                    stage.name(),
                    hash,
                    previous,
                    inputs,
                    settings,
                    items,
                    tools.version(),
                    sinceMillis,
                    watch.span()));
        }
    }

    /** Over the contents and the order of the names, because a data set of several files is read in that order. */
    private static String hash(Map<String, List<StoredFile>> inputs, Map<String, Object> others) {
        var all = new TreeMap<String, Object>(others);
        inputs.forEach((name, files) -> all.put(
                "input " + name,
                files.stream()
                        .map(file -> List.of(file.ref().name(), file.sha256()))
                        .toList()));
        return Hashes.of(Json.bytes(all));
    }
}
