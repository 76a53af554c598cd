package dev.quantline.pipeline.stage;

import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.ObjectRef;
import dev.quantline.pipeline.store.Keys;
import dev.quantline.pipeline.store.Store;
import dev.quantline.pipeline.store.StoredFile;
import dev.quantline.quantize.settings.Json;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jboss.logging.Logger;

/**
 * Removes what ended jobs left between their inputs and their results: of a job that is done the files that only later stages read, of one
 * that failed or was cancelled all that its stages stored, and uploads that were never finished. Inputs, requests, results and the small
 * records that answer a second submission stay.
 */
public final class Retention {
    private static final Logger LOG = Logger.getLogger(Retention.class);
    private static final Pattern RECORD = Pattern.compile("order\\.json|manifest\\.json|parts/\\d+/part\\.json");

    private final Store store;
    private final StageRecords records;
    private final Duration keep;

    /** @param keep how long after its end a job keeps everything */
    public Retention(Store store, Duration keep) {
        this.store = store;
        this.records = new StageRecords(store);
        this.keep = keep;
    }

    /** How far a job was cleaned: up to which end of it. */
    private record Cleaned(long endedMillis) {}

    /**
     * Cleans every job that ended long enough ago; may run at any time, on any number of replicas.
     *
     * @return how many objects were removed
     */
    public int clean(Instant now) {
        int removed = store.abortUploads(Keys.JOBS, now.minus(keep));
        for (var folder : store.children(Keys.JOBS)) {
            var job = folder.replace("/", "");
            var ended = ended(job).filter(end -> end.isBefore(now.minus(keep)));
            if (ended.isPresent()) {
                removed += clean(job, ended.get());
            }
        }
        return removed;
    }

    /** When a job ended; empty while it may still go on. */
    private Optional<Instant> ended(String job) {
        if (store.exists(Keys.waiting(job))) {
            return Optional.empty();
        }
        return Stream.of(
                        Keys.delivered(job, StageName.EXPORT.verb(), "report.json"),
                        Keys.cancelled(job),
                        Keys.failed(job))
                .flatMap(key -> store.modified(key).stream())
                .findFirst();
    }

    private int clean(String job, Instant ended) {
        var mark = Json.bytes(new Cleaned(ended.toEpochMilli()));
        if (store.read(Keys.cleaned(job))
                .filter(found -> Arrays.equals(found, mark))
                .isPresent()) {
            return 0;
        }
        var delivered = records.delivered(job);
        int removed = 0;
        for (var stage : StageName.values()) {
            for (var hash : store.children(Keys.JOBS + job + "/" + stage.verb() + "/")) {
                if (hash.endsWith("/")) {
                    var folder = Keys.stage(job, stage.verb(), hash.substring(0, hash.length() - 1));
                    removed += remove(folder, delivered ? kept(stage, folder) : _ -> false);
                }
            }
        }
        if (!delivered && store.read(Keys.request(job)).isEmpty()) {
            store.delete(Keys.cancelled(job));
            return removed + 1;
        }
        store.write(Keys.cleaned(job), mark);
        LOG.infof("%s ended at %s: %d intermediate objects removed", job, ended, removed);
        return removed;
    }

    /** Of a done job the records, and of its last stage the results. */
    private Predicate<String> kept(StageName stage, String folder) {
        var results = stage.isLast()
                ? records.manifest(folder).stream()
                        .flatMap(manifest -> manifest.files().values().stream())
                        .map(StoredFile::ref)
                        .map(ObjectRef::key)
                        .collect(Collectors.toSet())
                : Set.<String>of();
        return key -> results.contains(key)
                || RECORD.matcher(key.substring(folder.length())).matches();
    }

    private int remove(String folder, Predicate<String> kept) {
        var gone = store.list(folder).stream().filter(kept.negate()).toList();
        gone.forEach(store::delete);
        return gone.size();
    }
}
