package dev.quantline.pipeline.stage;

import dev.quantline.onnx.BadInput;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.job.ObjectRef;
import dev.quantline.pipeline.store.Keys;
import dev.quantline.pipeline.store.Store;
import dev.quantline.quantize.settings.Json;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The small JSON objects that hold the state of a job, typed. Each is created once and never changed. */
final class StageRecords {
    private final Store store;

    StageRecords(Store store) {
        this.store = store;
    }

    /** A failure as it is remembered. */
    record Failure(Event.Failed event, Optional<String> hash) {}

    Optional<JobRequest> request(String job) {
        return settled(Keys.request(job), JobRequest.class);
    }

    boolean cancelled(String job) {
        return store.exists(Keys.cancelled(job));
    }

    /** Whether the last stage has left its results. */
    boolean delivered(String job) {
        return store.exists(Keys.delivered(job, StageName.EXPORT.verb(), "report.json"));
    }

    /** The job waits for nothing any more. */
    void ended(String job) {
        store.delete(Keys.waiting(job));
    }

    /** Whether the manifest that an event names is where its stage keeps it, and of that job. */
    boolean isManifest(Event.Completed event) {
        var stages = Keys.JOBS + event.job() + "/" + event.stage().verb() + "/";
        var ref = event.manifest();
        return ref.equals(store.ref(ref.key()))
                && ref.key().startsWith(stages)
                && manifest(ref)
                        .filter(found -> ref.equals(manifestRef(folder(event.job(), event.stage(), found.hash()))))
                        .isPresent();
    }

    Optional<Failure> failure(String job) {
        return store.read(Keys.failed(job)).map(json -> Json.read(json, Failure.class));
    }

    void remember(Failure failure) {
        store.write(Keys.failed(failure.event().job()), Json.bytes(failure));
    }

    /** Writes the order unless there is one already, and returns the one that counts. */
    WorkOrder order(WorkOrder wanted) {
        return create(Keys.order(folder(wanted.job(), wanted.stage(), wanted.hash())), wanted, WorkOrder.class);
    }

    Optional<WorkOrder> order(String folder) {
        return settled(Keys.order(folder), WorkOrder.class);
    }

    Optional<Manifest> manifest(String folder) {
        return manifest(store.ref(Keys.manifest(folder)));
    }

    /** Writes the manifest unless another replica was first, and returns the one that counts. */
    Manifest manifest(String folder, Manifest wanted) {
        return create(Keys.manifest(folder), wanted, Manifest.class);
    }

    /** Every manifest from the given one back to the first stage's. */
    Earlier earlier(Optional<ObjectRef> manifest) {
        var found = new EnumMap<StageName, Manifest>(StageName.class);
        for (var next = manifest; next.isPresent(); ) {
            var ref = next.get();
            var read = manifest(ref).orElseThrow(() -> new BadInput("no such manifest: " + ref));
            found.put(read.stage(), read);
            next = read.previous();
        }
        return new Earlier(Map.copyOf(found));
    }

    Optional<ItemResult> part(String partFolder) {
        return settled(Keys.partManifest(partFolder), ItemResult.class);
    }

    void part(String partFolder, ItemResult part) {
        create(Keys.partManifest(partFolder), part, ItemResult.class);
    }

    StoredItems stored(WorkOrder order) {
        var folder = folder(order.job(), order.stage(), order.hash());
        return new StoredItems(order, folder, Set.copyOf(store.list(folder + "parts/")));
    }

    ObjectRef manifestRef(String folder) {
        return store.ref(Keys.manifest(folder));
    }

    static String folder(String job, StageName stage, String hash) {
        return Keys.stage(job, stage.verb(), hash);
    }

    private Optional<Manifest> manifest(ObjectRef ref) {
        return settled(ref.key(), Manifest.class);
    }

    /** Writes an object unless there is one already; what counts is returned, and known to this process from now on. */
    private <T> T create(String key, T wanted, Class<T> type) {
        var json = Json.bytes(wanted);
        return (store.create(key, json)
                        ? store.settled().read(key, () -> Optional.of(Json.read(json, type)))
                        : settled(key, type))
                .orElseThrow();
    }

    private <T> Optional<T> settled(String key, Class<T> type) {
        return store.settled().read(key, () -> store.read(key).map(json -> Json.read(json, type)));
    }
}
