package dev.quantline.calibrator;

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
import dev.quantline.pipeline.job.JobReader;
import dev.quantline.pipeline.stage.Earlier;
import dev.quantline.pipeline.stage.FinishedItem;
import dev.quantline.pipeline.stage.Item;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.quantize.profile.Profiler;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
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

/** What the calibrator makes items of, and that their result does not depend on it. */
class CalibrateStageTest {
    private static final int SAMPLES = 20;

    @TempDir
    private Path folder;

    private Path model;
    private Path profile;
    private Path data;

    @BeforeEach
    void profiledModel() throws IOException {
        var prepared = PreparedModel.prepare(Networks.transformer(1));
        model = ModelFile.write(prepared, folder.resolve("model.onnx")).getFirst();
        data = Data.write(folder.resolve("data.npz"), Data.tokens(SAMPLES, 6, 1));
        profile = folder.resolve("profile.json");
        try (var dataset = Dataset.open(List.of(data))) {
            var samples = new Samples(dataset, prepared, Map.of());
            Profiler.observe(prepared, samples, 0, SAMPLES, 8, List.of(), Provider.cpu(), Progress.none())
                    .write(profile);
        }
    }

    private StageContext context(Object recipe, String item, List<FinishedItem> finished) throws IOException {
        var request = Json.tree(Map.of(
                "model", "s3://quantline/model.onnx", "calibration", "s3://quantline/data.npz", "recipe", recipe));
        return new StageContext(
                JobReader.read(request, "job"),
                Map.of("model", List.of(model), "profile", List.of(profile), "calibration", List.of(data)),
                new Earlier(Map.of()),
                Files.createDirectories(folder.resolve(item)),
                Spilling.all(Files.createDirectories(folder.resolve("spilled"))),
                finished,
                Optional.empty(),
                Progress.none(),
                () -> {},
                () -> new Seconds(0, 0, 0, 0),
                file -> {},
                "test");
    }

    /** The files of the last item, by name, when all are done in their order. */
    private Map<String, byte[]> run(CalibrateStage stage, String recipe, List<Item> items) throws IOException {
        var finished = new ArrayList<FinishedItem>();
        var last = new TreeMap<String, byte[]>();
        for (var item : items) {
            var before = finished.stream()
                    .filter(done -> done.item().phase() < item.phase())
                    .toList();
            var context = context(recipe, items.size() + " " + item.name(), before);
            var done = (Outcome.Done) stage.run(context, item);
            finished.add(new FinishedItem(item, context.work(), done.summary()));
            last.clear();
            for (var file : done.files().entrySet()) {
                last.put(file.getKey(), Files.readAllBytes(file.getValue()));
            }
        }
        return last;
    }

    @Test
    void itemsLeaveTheBytesOfOne() throws IOException {
        // Given
        var whole = new CalibrateStage(Provider.cpu());
        var shared = new CalibrateStage(Provider.cpu(), 20_000);
        var one = whole.items(context("w4a4", "planning", List.of()));
        var many = shared.items(context("w4a4", "planning more", List.of()));
        assertEquals(List.of("calibrate"), one.stream().map(Item::name).toList());
        assertTrue(many.size() > 5, many.toString());
        assertEquals(List.of(0, 1, 2), many.stream().map(Item::phase).distinct().toList());

        // When
        var expected = run(whole, "w4a4", one);
        var actual = run(shared, "w4a4", many);

        // Then
        assertEquals(expected.keySet(), actual.keySet());
        expected.forEach((name, bytes) -> assertArrayEquals(bytes, actual.get(name), name));
    }

    @Test
    void rangesFromHistogramsAloneAreOneItem() throws IOException {
        var stage = new CalibrateStage(Provider.cpu(), 0);
        var plain = Map.of("range", "mse", "weights", "mse", "softmax", "uniform", "layernorm", "off");
        var context = context(Map.of("preset", "int8", "calibrate", plain), "planning", List.of());
        assertEquals(1, stage.items(context).size());
    }
}
