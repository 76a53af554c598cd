package dev.quantline.pipeline.process;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.pipeline.event.Event.Seconds;
import dev.quantline.pipeline.job.JobReader;
import dev.quantline.pipeline.stage.Earlier;
import dev.quantline.pipeline.stage.FinishedItem;
import dev.quantline.pipeline.stage.Item;
import dev.quantline.pipeline.stage.JobLimit;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.pipeline.stage.OverLimit;
import dev.quantline.pipeline.stage.ProcessDied;
import dev.quantline.pipeline.stage.Scratch;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

class IsolatedStageTest {
    private static final Duration SOON = Duration.ofSeconds(30);

    @TempDir
    static Path scratch;

    @TempDir
    Path folder;

    private static ChildProcesses children;
    private static IsolatedStage stage;

    private final List<String> reports = new ArrayList<>();
    private final List<Path> handedOver = new ArrayList<>();

    @BeforeAll
    static void start() {
        children = new ChildProcesses(Scratch.open(scratch));
        stage = new IsolatedStage(new EvilStage(Provider.cpu()), "cpu", children);
    }

    @AfterAll
    static void stop() throws IOException {
        children.close();
        try (var left = Files.list(scratch)) {
            assertEquals(List.of(), left.toList(), "temporary files of children");
        }
    }

    @BeforeEach
    void limit() throws IOException {
        System.setProperty(JobLimit.ITEM_MEMORY.property(), String.valueOf(3L << 30));
        Files.createDirectory(folder.resolve("results"));
    }

    @AfterEach
    void unlimit() {
        for (var limit : JobLimit.values()) {
            System.clearProperty(limit.property());
        }
    }

    @Test
    void aStageDoesTheSameAsInThisProcess() throws IOException {
        Files.writeString(folder.resolve("what"), "one\ntwo");
        var items = stage.items(context(() -> {}));
        assertEquals(List.of(Item.of("one", true), Item.of("two", true)), items);

        var outcome = (Outcome.Done) run("one", () -> {});

        assertEquals("one", Files.readString(outcome.files().get("result")));
        assertEquals(Json.tree("fine"), outcome.summary());
        assertEquals(List.of(".5 one Learning[part=all, step=1, steps=2, loss=0.25, heldOut=null]"), reports);
        assertEquals(List.copyOf(outcome.files().values()), handedOver);
        var part = new FinishedItem(items.getFirst(), folder.resolve("results"), outcome.summary());
        assertEquals(
                "one one ",
                Files.readString(((Outcome.Done)
                                stage.run(context(() -> {}, List.of(part, part)), Item.of("all", 1, true)))
                        .files()
                        .get("result")));
    }

    @Test
    void aSignalEndsTheChildAndNamesItself() {
        var died = assertThrows(ProcessDied.class, () -> run("segfault", () -> {}));

        assertTrue(died.getMessage().startsWith("of SIGSEGV"), died.getMessage());
        assertWorks();
    }

    @Test
    void anExitIsADeath() {
        assertEquals(
                "with exit code 7 (last progress: exit)",
                assertThrows(ProcessDied.class, () -> run("exit", () -> {})).getMessage());
        assertWorks();
    }

    @ParameterizedTest
    @ValueSource(strings = {"native memory", "heap"})
    void memoryIsBounded(String what) {
        var over = assertThrows(OverLimit.class, () -> run(what, () -> {}));

        assertTrue(
                over.getMessage().contains("the limit is 3221225472 (quantline.limit.item-memory)"), over.getMessage());
        assertWorks();
    }

    @Test
    void anItemThatIsSilentIsStopped() {
        System.setProperty(JobLimit.SILENT_SECONDS.property(), "2");

        var over = assertThrows(OverLimit.class, () -> run("silent", () -> {}));

        assertEquals(
                "made no progress for 2 seconds: the limit is 2 (quantline.limit.silent-seconds)", over.getMessage());
        assertWorks();
    }

    @Test
    void anItemThatNeverEndsIsStopped() {
        System.setProperty(JobLimit.ITEM_SECONDS.property(), "2");

        var over = assertThrows(OverLimit.class, () -> run("busy", () -> {}));

        assertEquals("took more than 2 seconds: the limit is 2 (quantline.limit.item-seconds)", over.getMessage());
        assertWorks();
    }

    @Test
    void aCancelledJobStopsThoughItsStageDoesNotListen() {
        assertThrows(
                CancellationException.class,
                () -> run("silent", () -> {
                    throw new CancellationException("cancelled");
                }));
        assertWorks();
    }

    @Test
    void whatAStageThrowsIsThrownHere() {
        assertEquals(
                "node 'conv1': no",
                assertThrows(BadInput.class, () -> run("bad", () -> {})).getMessage());
        var bug = assertThrows(IllegalStateException.class, () -> run("bug", () -> {}));
        assertEquals("java.lang.IllegalStateException: a bug", bug.getMessage());
        assertTrue(
                bug.getCause().getMessage().contains("EvilStage.run"),
                bug.getCause().getMessage());
    }

    @ParameterizedTest
    @ValueSource(strings = {"outside", "link", "upwards"})
    void noFileOutsideTheFolderIsTaken(String what) {
        var refused = assertThrows(IllegalStateException.class, () -> run(what, () -> {}));

        assertTrue(refused.getMessage().startsWith("a result "), refused.getMessage());
    }

    @Test
    void aChildKnowsNoKeys() throws IOException {
        System.setProperty("quantline.store.secret-key", "open-sesame");
        try {
            var outcome = (Outcome.Done) run("keys", () -> {});
            assertFalse(Files.readString(outcome.files().get("result")).contains("open-sesame"));
        } finally {
            System.clearProperty("quantline.store.secret-key");
        }
    }

    @Test
    void aChildsNativeThreadsAreAsManyAsItsProcessors() throws IOException {
        assumeTrue(System.getenv("OMP_NUM_THREADS") == null, "the number is set from outside");
        var outcome = (Outcome.Done) run("keys", () -> {});
        var environment = Files.readString(outcome.files().get("result"));

        var threads = "OMP_NUM_THREADS=" + Runtime.getRuntime().availableProcessors();
        assertTrue(environment.contains(threads) && environment.contains("OMP_WAIT_POLICY="), environment);
    }

    /** The next item is done at once, whatever became of the one before. */
    private void assertWorks() {
        unlimit();
        assertTimeoutPreemptively(SOON, () -> run("fine", () -> {}));
    }

    private Outcome run(String what, Runnable pulse) {
        return stage.run(context(pulse), Item.of(what, true));
    }

    private StageContext context(Runnable pulse) {
        return context(pulse, List.of());
    }

    private StageContext context(Runnable pulse, List<FinishedItem> finished) {
        var request = Json.MAPPER
                .createObjectNode()
                .put("model", "s3://quantline/inputs/m.onnx")
                .put("calibration", "s3://quantline/inputs/c.npz");
        var progress = new Progress() {
            @Override
            public void report(double fraction, String message) {}

            @Override
            public void report(double fraction, String message, Learning learning) {
                reports.add(".5 " + message + " " + learning);
            }
        };
        return new StageContext(
                JobReader.read(request, "job"),
                Map.of("what", List.of(folder.resolve("what"))),
                new Earlier(Map.of()),
                folder.resolve("results"),
                Spilling.all(folder.resolve("spilled")),
                finished,
                Optional.empty(),
                progress,
                pulse,
                () -> new Seconds(0, 0, 0, 0),
                handedOver::add,
                "test");
    }
}
