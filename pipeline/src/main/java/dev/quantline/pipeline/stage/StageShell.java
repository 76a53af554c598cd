package dev.quantline.pipeline.stage;

import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.job.ObjectRef;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * One stage as a reaction to events. Every method may be called any number of times for the same event and by several replicas: stored
 * results are announced again, not computed again. All throw {@link StrayRecord} for an event that the store knows nothing of.
 */
public final class StageShell {
    private final Stage stage;
    private final StageDependencies tools;
    private final StageRecords records;
    private final Planner planner;
    private final Worker worker;
    private final Failures failures;

    public StageShell(Stage stage, StageDependencies tools) {
        this.stage = stage;
        this.tools = tools;
        this.records = new StageRecords(tools.store());
        this.planner = new Planner(stage, tools);
        this.worker = new Worker(stage, tools);
        this.failures = new Failures(stage.name(), records, tools);
    }

    public StageName name() {
        return stage.name();
    }

    /**
     * Starts the stage: publishes the items that are not stored yet, or, if there are none, the result.
     *
     * @param previous    manifest of the stage before; empty for the first
     * @param sinceMillis when that was said, milliseconds since the epoch
     */
    public void start(String job, Optional<ObjectRef> previous, long sinceMillis) {
        failures.guard(job, Optional.empty(), () -> begin(job, previous, sinceMillis));
    }

    /** The previous stage is done. */
    public void start(Event.Completed previous, long sinceMillis) {
        failures.guard(previous.job(), Optional.empty(), () -> {
            if (!records.isManifest(previous)) {
                throw new StrayRecord(previous.manifest() + " is no result of " + previous.job());
            }
            begin(previous.job(), Optional.of(previous.manifest()), sinceMillis);
        });
    }

    private void begin(String job, Optional<ObjectRef> previous, long sinceMillis) throws IOException {
        if (records.cancelled(job)) {
            return;
        }
        var order = planner.order(request(job), previous, sinceMillis);
        var earlierFailure = failures.known(job, order.hash());
        if (earlierFailure.isPresent()) {
            tools.sink().publish(earlierFailure.get());
            return;
        }
        var ready = records.stored(order).ready();
        publish(order, ready);
        if (ready.isEmpty()) {
            complete(order);
        }
    }

    /** An item, or a time slice of one, is to be done. */
    public void work(Event.Work work) {
        failures.guard(work.job(), Optional.of(work.hash()), () -> {
            if (records.cancelled(work.job())
                    || failures.known(work.job(), work.hash()).isPresent()) {
                return;
            }
            var order = order(work.job(), work.hash());
            var stored = records.stored(order);
            if (work.item() < 0 || work.item() >= order.items().size() || !stored.reached(work)) {
                throw new StrayRecord("no such item of %s: %d, slice %d"
                        .formatted(stage.name().verb(), work.item(), work.slice()));
            }
            tools.sink().publish(worker.run(request(work.job()), stored, work));
        });
    }

    /** An item is stored; when it was the last of its phase, the next phase begins or the stage is completed. */
    public void workDone(Event.WorkDone done) {
        failures.guard(done.job(), Optional.of(done.hash()), () -> {
            var order = order(done.job(), done.hash());
            if (done.item() < 0 || done.item() >= order.items().size()) {
                throw new StrayRecord(
                        "no such item of %s: %d".formatted(stage.name().verb(), done.item()));
            }
            if (records.cancelled(done.job())) {
                return;
            }
            var ready = records.stored(order).ready();
            if (ready.isEmpty()) {
                complete(order);
            } else if (order.items().get(ready.getFirst()).phase()
                    > order.items().get(done.item()).phase()) {
                publish(order, ready);
            }
        });
    }

    private void publish(WorkOrder order, List<Integer> items) {
        items.forEach(item -> tools.sink().publish(new Event.Work(order.job(), stage.name(), order.hash(), item, 0)));
    }

    private void complete(WorkOrder order) throws IOException {
        var folder = StageRecords.folder(order.job(), order.stage(), order.hash());
        var manifest = records.manifest(folder);
        if (manifest.isEmpty()) {
            manifest = Optional.of(worker.complete(order));
            tools.metrics().completed(manifest.get().seconds());
        }
        tools.sink().publish(manifest.get().event(records.manifestRef(folder)));
        if (stage.name().isLast()) {
            records.ended(order.job());
        }
    }

    private JobRequest request(String job) {
        return records.request(job).orElseThrow(() -> new StrayRecord("no such job: " + job));
    }

    private WorkOrder order(String job, String hash) {
        return records.order(StageRecords.folder(job, stage.name(), hash))
                .orElseThrow(
                        () -> new StrayRecord("no such work: " + stage.name().verb() + " " + hash + " of " + job));
    }
}
