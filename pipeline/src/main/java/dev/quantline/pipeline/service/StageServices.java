package dev.quantline.pipeline.service;

import dev.quantline.onnx.runtime.Provider;
import dev.quantline.pipeline.process.ChildProcesses;
import dev.quantline.pipeline.process.IsolatedStage;
import dev.quantline.pipeline.stage.Activity;
import dev.quantline.pipeline.stage.Admission;
import dev.quantline.pipeline.stage.EventSink;
import dev.quantline.pipeline.stage.RetryPolicy;
import dev.quantline.pipeline.stage.Scratch;
import dev.quantline.pipeline.stage.Stage;
import dev.quantline.pipeline.stage.StageDependencies;
import dev.quantline.pipeline.stage.StageMetrics;
import dev.quantline.pipeline.stage.StageShell;
import dev.quantline.pipeline.store.Store;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.enterprise.context.ApplicationScoped;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Function;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/** Makes a service of any stage. */
@ApplicationScoped
public class StageServices {
    private static final Logger LOG = Logger.getLogger(StageServices.class);

    private final Store store;
    private final EventSink sink;
    private final MeterRegistry meters;
    private final RetryPolicy attempts;
    private final WorkConfig work;
    private final ChildProcesses children;
    private final Activity activity;
    private final Scratch scratch;
    private final WorkQueue queue;
    private final String version;
    private final String replica;

    StageServices(
            Store store,
            EventSink sink,
            MeterRegistry meters,
            RetryPolicy attempts,
            WorkConfig work,
            ChildProcesses children,
            Activity activity,
            Scratch scratch,
            WorkQueue queue,
            @ConfigProperty(name = "quantline.version") String version,
            @ConfigProperty(name = "quantline.replica") Optional<String> replica) {
        this.store = store;
        this.sink = sink;
        this.meters = meters;
        this.attempts = attempts;
        this.work = work;
        this.children = children;
        this.activity = activity;
        this.scratch = scratch;
        this.queue = queue;
        this.version = version;
        this.replica = replica.orElseGet(StageServices::process);
    }

    /** Names this process like no other: by its machine, or its pod, and its number there. */
    private static String process() {
        try {
            return Files.readString(Path.of("/proc/sys/kernel/hostname")).strip() + "-"
                    + ProcessHandle.current().pid();
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "this machine has no name; set quantline.replica to one for this process", e);
        }
    }

    /**
     * A stage that computes where this replica does, in a process of its own unless that was switched off.
     *
     * @throws dev.quantline.onnx.BadInput when the replica is to compute where it cannot
     */
    public StageService isolated(Function<Provider, Stage> made) {
        var provider = Provider.parse(work.provider());
        provider.check();
        var stage = made.apply(provider);
        LOG.infof(
                "%s computes on %s, %d processors",
                stage.name().verb(), provider, Runtime.getRuntime().availableProcessors());
        return of(work.isolated() ? new IsolatedStage(stage, work.provider(), children) : stage);
    }

    /** The stage, in this process, as a reaction to records. */
    public StageService of(Stage stage) {
        var tools = new StageDependencies(
                store,
                sink,
                new StageMetrics(meters, stage.name()),
                attempts,
                scratch.folder(),
                work.memoryBytes(),
                version,
                activity,
                replica);
        return new StageService(new StageShell(stage, tools), new Admission(tools), queue);
    }
}
