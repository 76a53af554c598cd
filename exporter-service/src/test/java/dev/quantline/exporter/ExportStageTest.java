package dev.quantline.exporter;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.pipeline.event.Event.Seconds;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobReader;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.job.ObjectRef;
import dev.quantline.pipeline.stage.Earlier;
import dev.quantline.pipeline.stage.FinishedItem;
import dev.quantline.pipeline.stage.Item;
import dev.quantline.pipeline.stage.Manifest;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.pipeline.store.StoredFile;
import dev.quantline.quantize.export.Report;
import dev.quantline.quantize.profile.Profiler;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.workflow.CalibrateStep;
import dev.quantline.quantize.workflow.Resources;
import dev.quantline.quantize.workflow.TuneStep;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** What the exporter makes items of, and that its report does not depend on it. */
class ExportStageTest {
    private static final int SAMPLES = 90;
    private static final int BATCH = 8;

    @TempDir
    private Path folder;

    private JobRequest job;
    private final Map<String, List<Path>> inputs = new HashMap<>();

    @BeforeEach
    void tunedModel() throws IOException {
        var network = Networks.mlp(1);
        var given = ModelFile.write(network, folder.resolve("given.onnx"));
        var data = List.of(Data.write(folder.resolve("data.npz"), Data.labelled(network, Data.rows(SAMPLES, 2))));
        job = JobReader.read(
                Json.tree(Map.of(
                        "model",
                        "s3://quantline/given.onnx",
                        "calibration",
                        "s3://quantline/data.npz",
                        "evaluation",
                        Map.of("data", "s3://quantline/data.npz", "metric", "top1"),
                        "recipe",
                        "int8")),
                "job");
        var prepared = PreparedModel.prepare(network);
        var resources = new Resources(Provider.cpu(), BATCH, spilling());
        try (var dataset = Dataset.open(data)) {
            var samples = new Samples(dataset, prepared, Map.of());
            var profile =
                    Profiler.observe(prepared, samples, 0, SAMPLES, BATCH, List.of(), Provider.cpu(), Progress.none());
            var calibrated =
                    CalibrateStep.run(prepared, profile, data, job.settings(), resources, Progress.none(), graph -> {});
            calibrated.plan().write(folder.resolve("plan.json"));
            calibrated.table().write(folder.resolve("table.json"));
            var model = ModelFile.write(calibrated.model(), folder.resolve("calibrated.onnx"));
            var input = new TuneStep.Input(
                    model, folder.resolve("plan.json"), folder.resolve("table.json"), data, Optional.empty());
            var work = Files.createDirectories(folder.resolve("tuned"));
            var tuned = (TuneStep.Slice.Done)
                    new TuneStep(input, job.settings(), resources, work, Optional.empty(), () -> 0)
                            .advance(() -> false, Progress.none());
            tuned.files().forEach((name, file) -> inputs.put(name, List.of(file)));
        }
        inputs.put("original", given);
        inputs.put("evaluation", data);
        inputs.put(TuneStep.TABLE, List.of(folder.resolve("table.json")));
    }

    private Spilling spilling() throws IOException {
        return Spilling.all(Files.createDirectories(folder.resolve("spilled")));
    }

    private static Manifest manifest(StageName stage) {
        var file = new StoredFile(ObjectRef.parse("s3://quantline/inputs/x"), "0".repeat(64), 1);
        return new Manifest(
                "job",
                stage,
                "0".repeat(64),
                Optional.empty(),
                Map.of("model", List.of(file), "calibration", List.of(file)),
                Json.MAPPER.createObjectNode(),
                Map.of(),
                Json.MAPPER.createObjectNode().put(StageContext.BATCH, BATCH),
                new Seconds(0, 0, 0, 0),
                "test");
    }

    private StageContext context(String item, List<FinishedItem> finished, Optional<Path> checkpoint)
            throws IOException {
        var earlier = new TreeMap<StageName, Manifest>();
        for (var stage : List.of(StageName.PROFILE, StageName.CALIBRATE, StageName.TUNE)) {
            earlier.put(stage, manifest(stage));
        }
        return new StageContext(
                job,
                inputs,
                new Earlier(earlier),
                Files.createDirectories(folder.resolve(item)),
                spilling(),
                finished,
                checkpoint,
                Progress.none(),
                () -> {},
                () -> new Seconds(0, 0, 0, 0),
                file -> {},
                "test");
    }

    /** The files of the last item when all are done, slice by slice, those of a phase in the opposite order. */
    private Map<String, Path> run(ExportStage stage, List<Item> items, List<String> slices) throws IOException {
        var finished = new ArrayList<FinishedItem>();
        Outcome.Done last = null;
        int phases = items.getLast().phase() + 1;
        for (int phase = 0; phase < phases; phase++) {
            int now = phase;
            var before = List.copyOf(finished);
            for (var item :
                    items.stream().filter(each -> each.phase() == now).toList().reversed()) {
                Optional<Path> checkpoint = Optional.empty();
                Outcome outcome;
                do {
                    slices.add(item.name());
                    var context = context(items.size() + " " + slices.size(), before, checkpoint);
                    outcome = stage.run(context, item);
                    checkpoint = Optional.of(context.work());
                } while (outcome instanceof Outcome.Continue);
                last = (Outcome.Done) outcome;
                finished.addFirst(new FinishedItem(item, checkpoint.get(), last.summary()));
            }
        }
        return last.files();
    }

    @Test
    void itemsAndSlicesLeaveWhatOneItemDoes() throws IOException {
        // Given
        var whole = new ExportStage(Provider.cpu());
        var shared = new ExportStage(Provider.cpu(), 30, Duration.ZERO);
        var one = whole.items(context("planning", List.of(), Optional.empty()));
        var many = shared.items(context("planning more", List.of(), Optional.empty()));
        assertEquals(List.of("export"), one.stream().map(Item::name).toList());
        assertEquals(
                List.of(
                        "export",
                        "evaluation of samples 1 to 32",
                        "evaluation of samples 33 to 64",
                        "evaluation of samples 65 to 90",
                        "report"),
                many.stream().map(Item::name).toList());

        // When
        var slices = new ArrayList<String>();
        var expected = run(whole, one, new ArrayList<>());
        var actual = run(shared, many, slices);

        // Then: the clock of a slice starts with its first batch, so each slice has two
        assertTrue(slices.stream().filter(many.get(1).name()::equals).count() == 2, slices.toString());
        assertEquals(expected.keySet(), actual.keySet());
        assertArrayEquals(Files.readAllBytes(expected.get("model.onnx")), Files.readAllBytes(actual.get("model.onnx")));
        var wanted = Report.read(expected.get("report.json"));
        var report = Report.read(actual.get("report.json"));
        assertEquals(wanted.status(), report.status());
        assertEquals(wanted.message(), report.message());
        assertEquals(wanted.fidelity(), report.fidelity());
        assertEquals(wanted.outputs(), report.outputs());
        assertEquals(wanted.judged(), report.judged());
        assertEquals(wanted.layers(), report.layers());
        assertEquals(wanted.usage(), report.usage());
        assertEquals(wanted.original().metric(), report.original().metric());
        assertEquals(wanted.quantized().metric(), report.quantized().metric());
        assertEquals(SAMPLES, report.judged().samples());
    }
}
