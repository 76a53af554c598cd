package dev.quantline.console.client;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import dev.quantline.onnx.ModelFile;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.job.ObjectRef;
import dev.quantline.pipeline.stage.UnderWay;
import dev.quantline.pipeline.store.Keys;
import dev.quantline.pipeline.store.Store;
import dev.quantline.pipeline.store.StoreUnavailable;
import dev.quantline.quantize.settings.Hashes;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** One user's view of a running stack. Methods throw {@link Unreachable} when the broker or the store does not answer. */
public final class StackClient implements AutoCloseable {
    private static final String REPORT = "report.json";
    private static final String MODEL = "model.onnx";
    /** Suffix of the file with a model's external data, after the model's name. */
    private static final String EXTERNAL = ".data";

    private final Connection connection;
    private final Broker broker;
    private final Store store;
    private final TemporaryFolder cache;

    private StackClient(Connection connection, Broker broker, Store store, TemporaryFolder cache) {
        this.connection = connection;
        this.broker = broker;
        this.store = store;
        this.cache = cache;
    }

    /**
     * Makes sure that both addresses answer.
     *
     * @throws Unreachable when the patience is over, naming the address that does not
     */
    public static StackClient connect(Connection connection, Patience patience) throws IOException {
        var broker = patience.until(
                "the Kafka broker at " + connection.kafka(), length -> Broker.connect(connection, length));
        // No file of a user's goes through a cache, whose contents must not change: this one stays empty.
        var cache = TemporaryFolder.create("quantline-console");
        var store = connection.store(cache.path());
        var client = new StackClient(connection, broker, store, cache);
        try {
            patience.until("the object store at " + connection.s3(), _ -> client.prepared());
            return client;
        } catch (Unreachable failure) {
            client.close();
            throw failure;
        }
    }

    private StackClient prepared() {
        try {
            // The first answer comes, or fails to, within seconds; what prepares may take longer.
            store.isReady();
            store.prepare();
            return this;
        } catch (StoreUnavailable failure) {
            throw new Unreachable(
                    failure.getMessage()
                            + (failure.refused()
                                    ? ": check --s3, --bucket and the keys"
                                    : ": check --s3 and that the store runs"),
                    failure);
        }
    }

    /**
     * Stores files that belong together under one key prefix named by their contents; files already there are not sent again.
     *
     * @param folder the files' common folder; their names below it become the last part of the keys
     * @return the reference of the first file
     */
    public ObjectRef upload(Path folder, List<String> names) throws IOException {
        return store.ref(uploadTogether(folder, names) + names.getFirst());
    }

    /**
     * Stores every {@code .npz} of a folder under one key prefix named by their contents.
     *
     * @return the reference of the prefix
     * @throws BadInput when the folder holds none
     */
    public ObjectRef uploadFolder(Path folder) throws IOException {
        try (var files = Files.list(folder)) {
            var names = files.map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(".npz"))
                    .sorted()
                    .toList();
            if (names.isEmpty()) {
                throw new BadInput(folder + " holds no .npz file");
            }
            return store.ref(uploadTogether(folder, names));
        }
    }

    private String uploadTogether(Path folder, List<String> names) throws IOException {
        var hashes = new StringBuilder();
        for (var name : names) {
            hashes.append(Hashes.of(folder.resolve(name)));
        }
        var hash = names.size() == 1
                ? hashes.toString()
                : Hashes.of(hashes.toString().getBytes());
        var prefix = "inputs/" + hash.substring(0, 16) + "/";
        for (var name : names) {
            if (!store.exists(prefix + name)) {
                store.put(prefix + name, folder.resolve(name));
            }
        }
        return prefix;
    }

    /** Publishes a request. */
    public void submit(JobRequest request) {
        broker.publish(request);
    }

    /**
     * Publishes a request and follows it to its end; returns at once if the job is already done.
     *
     * @param listener is told every event of the job, in order
     */
    public Ending run(JobRequest request, Consumer<Event> listener) {
        try (var feed = new EventFeed(connection)) {
            broker.publish(request);
            return isDone(request.id()) ? new Ending.Done() : follow(feed, request.id(), listener);
        }
    }

    /**
     * Follows a job that was submitted before, from its first event to its end.
     *
     * @throws BadInput when the stack knows no such job
     */
    public Ending watch(String job, Consumer<Event> listener) {
        try (var feed = new EventFeed(connection)) {
            var earlier = feed.history().stream()
                    .filter(event -> event.job().equals(job))
                    .toList();
            if (earlier.isEmpty()) {
                requireJob(job);
            }
            earlier.forEach(listener);
            Optional<Ending> ending = earlier.isEmpty() ? Optional.empty() : endingOf(earlier.getLast());
            return ending.or(() -> isDone(job) ? Optional.of(new Ending.Done()) : Optional.empty())
                    .orElseGet(() -> follow(feed, job, listener));
        }
    }

    /** Passes on the events of all jobs from now on, until the thread is interrupted. */
    public void watchAll(Consumer<Event> listener) {
        try (var feed = new EventFeed(connection)) {
            while (!Thread.currentThread().isInterrupted()) {
                feed.poll().forEach(listener);
            }
        }
    }

    /**
     * Asks to stop a job, unless it has ended.
     *
     * @return where the job stood
     * @throws BadInput when the stack knows no such job
     */
    public JobState cancel(String job) {
        requireJob(job);
        var state = state(job);
        if (state.state().equals("running")) {
            broker.publish(new Event.Cancel(job));
        }
        return state;
    }

    /**
     * Stops a job that this client submitted, for good, even if no service knows it yet: a service that picks it up later finds it
     * cancelled.
     *
     * @return whether it had not ended
     */
    public boolean stop(String job) {
        if (isDone(job)) {
            return false;
        }
        var cancel = new Event.Cancel(job);
        store.create(Keys.cancelled(job), Json.bytes(cancel));
        broker.publish(cancel);
        return true;
    }

    /** Every job the store knows, by id. */
    public List<JobState> jobs() {
        return ids().stream().map(this::state).toList();
    }

    private List<String> ids() {
        return store.children(Keys.JOBS).stream()
                .filter(folder -> folder.endsWith("/"))
                .map(folder -> folder.substring(0, folder.length() - 1))
                .toList();
    }

    /** The report of a job that is done. */
    public JsonNode report(String job) {
        var bytes = store.read(Keys.delivered(job, StageName.EXPORT.verb(), REPORT))
                .orElseThrow(() -> new IllegalStateException("the job " + job + " is done but has no report"));
        return Json.read(bytes, JsonNode.class);
    }

    /**
     * The report of a job that should be done.
     *
     * @throws BadInput when it is not, or when the stack knows no such job
     */
    public JsonNode finished(String job) {
        requireJob(job);
        var state = state(job);
        if (!state.state().equals("done")) {
            throw new BadInput("the job " + job + " has no report: it is " + state.state());
        }
        return report(job);
    }

    /**
     * The request of a job.
     *
     * @throws BadInput when the stack knows no such job
     */
    public JobRequest request(String job) {
        requireJob(job);
        return Json.read(store.read(Keys.request(job)).orElseThrow(), JobRequest.class);
    }

    /**
     * Downloads one file of a job's results into a folder.
     *
     * @throws BadInput when the job left no such file
     */
    public Path bring(String job, String name, Path folder) {
        if (!store.exists(Keys.delivered(job, StageName.EXPORT.verb(), name))) {
            throw new BadInput(
                    "the job " + job + " left no " + name + ": it is not done, or its widths were not allocated");
        }
        save(job, name, folder);
        return folder.resolve(name);
    }

    /** Downloads a model from a job's results into a folder, with its external data if it has any. */
    public Path bringModel(String job, String name, Path folder) throws IOException {
        Files.deleteIfExists(folder.resolve(name + EXTERNAL));
        if (store.exists(Keys.delivered(job, StageName.EXPORT.verb(), name + EXTERNAL))) {
            save(job, name + EXTERNAL, folder);
        }
        return bring(job, name, folder);
    }

    /** Downloads an input of a job, or all files of one that is a prefix, into a folder. */
    public List<Path> bring(ObjectRef input, Path folder) {
        var files = new ArrayList<Path>();
        for (var object : store.resolve(input)) {
            files.add(folder.resolve(object.name()));
            store.save(object, files.getLast());
        }
        return List.copyOf(files);
    }

    /** Downloads the model that a job was given into a folder, with the external data it names. */
    public Path bringModel(ObjectRef model, Path folder) throws IOException {
        var file = bring(model, folder).getFirst();
        for (var name : ModelFile.externalNames(file)) {
            store.save(model.beside(name), folder.resolve(name));
        }
        return file;
    }

    /** Downloads the model and the report of a finished job into a folder and overwrites what was there. */
    public void download(String job, Path folder) throws IOException {
        Files.createDirectories(folder);
        bringModel(job, MODEL, folder);
        save(job, REPORT, folder);
        save(job, "report.html", folder);
    }

    @Override
    public void close() {
        // The interrupt that ended the command must not cut this short.
        Thread.interrupted();
        broker.close();
        store.close();
        cache.close();
    }

    private Ending follow(EventFeed feed, String job, Consumer<Event> listener) {
        while (true) {
            for (var event : feed.poll()) {
                if (event.job().equals(job)) {
                    listener.accept(event);
                    var ending = endingOf(event);
                    if (ending.isPresent()) {
                        return ending.get();
                    }
                }
            }
        }
    }

    private static Optional<Ending> endingOf(Event event) {
        return switch (event) {
            case Event.Completed completed when completed.stage() == StageName.EXPORT -> Optional.of(new Ending.Done());
            case Event.Failed failed -> Optional.of(new Ending.Failed(failed));
            default -> Optional.empty();
        };
    }

    private JobState state(String job) {
        if (isDone(job)) {
            return new JobState(job, "done", StageName.EXPORT.verb(), List.of());
        }
        var entries = store.children(Keys.JOBS + job + "/");
        var stage = List.of(StageName.values()).reversed().stream()
                .filter(name -> entries.contains(name.verb() + "/"))
                .findFirst();
        var state = entries.contains("cancelled.json")
                ? "cancelled"
                : entries.contains("failed.json") ? "failed" : "running";
        var work = stage.filter(_ -> state.equals("running")).map(name -> UnderWay.of(store, job, name));
        return new JobState(job, state, stage.map(StageName::verb).orElse("-"), work.orElse(List.of()));
    }

    private boolean isDone(String job) {
        return store.exists(Keys.delivered(job, StageName.EXPORT.verb(), REPORT));
    }

    private void requireJob(String job) {
        if (!JobRequest.isId(job) || !store.exists(Keys.request(job))) {
            throw new BadInput("no job '" + job + "' at " + connection.kafka()
                    + ClosestName.to(job, ids())
                            .map(id -> ": did you mean '" + id + "'?")
                            .orElse("") + "; ./quantline jobs lists them");
        }
    }

    private void save(String job, String name, Path folder) {
        store.save(store.ref(Keys.delivered(job, StageName.EXPORT.verb(), name)), folder.resolve(name));
    }
}
