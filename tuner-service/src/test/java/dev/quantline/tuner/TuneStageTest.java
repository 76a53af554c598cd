package dev.quantline.tuner;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quantline.calibrate.CalibrateSettings;
import dev.quantline.calibrate.RangeCriterion;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.fixture.Stages;
import dev.quantline.onnx.ModelFile;
import dev.quantline.pipeline.job.JobReader;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.job.Json;
import dev.quantline.pipeline.stage.Earlier;
import dev.quantline.pipeline.stage.Item;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.profile.Profiler;
import dev.quantline.runtime.Dataset;
import dev.quantline.runtime.Progress;
import dev.quantline.runtime.Provider;
import dev.quantline.runtime.Samples;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TuneStageTest {
    private static final int SAMPLES = 64;

    @TempDir
    private Path folder;

    private JobRequest job() throws IOException {
        return JobReader.read(Json.MAPPER.readTree("""
                {"model": "s3://bucket/m.onnx", "calibration": "s3://bucket/c.npz", "recipe": {"preset": "w4a4",
                 "tune": {"samples": 64, "training": {"steps": 3, "batch": 8}}}}"""), "sliced");
    }

    private Map<String, List<Path>> inputs() throws IOException {
        var model = Profiler.prepare(Networks.mlp(1));
        var data = Data.write(folder.resolve("data.npz"), Data.rows(SAMPLES, 2));
        try (var dataset = Dataset.open(List.of(data))) {
            var stages = Stages.run(model, new Samples(dataset, model, Map.of()),
                    CalibrateSettings.plain(new RangeCriterion.Mse(), 4, 4, List.of()));
            ModelFile.write(stages.model(), folder.resolve("model.onnx"));
            stages.plan().write(folder.resolve("plan.json"));
        }
        return Map.of("model", List.of(folder.resolve("model.onnx")), "plan", List.of(folder.resolve("plan.json")),
                "calibration", List.of(data));
    }

    /** Runs slice after slice, each from the checkpoint of the one before, in folders of their own. */
    private Outcome.Done run(Duration slice, int leastSlices) throws IOException {
        var inputs = inputs();
        var checkpoint = Optional.<Path>empty();
        for (int slices = 1; ; slices++) {
            var work = Files.createTempDirectory(folder, "work");
            var context = new StageContext(job(), inputs, new Earlier(Map.of()), work, checkpoint, Progress.none(),
                    () -> null, file -> { }, "test");
            switch (new TuneStage(Provider.cpu(), slice).run(context, Item.of("tune", true))) {
                case Outcome.Done done -> {
                    assertTrue(slices >= leastSlices, slices + " slices");
                    return done;
                }
                case Outcome.Continue pause -> checkpoint = Optional.of(pause.checkpoint().values().iterator().next().getParent());
            }
        }
    }

    @Test
    void manySlicesLeaveWhatOneLeaves() throws IOException {
        var whole = run(Duration.ofHours(1), 1);
        var sliced = run(Duration.ZERO, 4);

        for (String file : List.of("plan.json", "tuning.json")) {
            assertArrayEquals(Files.readAllBytes(whole.files().get(file)), Files.readAllBytes(sliced.files().get(file)), file);
        }
        var steps = Json.MAPPER.readTree(sliced.files().get("tuning.json").toFile());
        assertEquals("compensated rounding", steps.get(0).path("method").asText());
        assertTrue(steps.findValues("curve").stream().anyMatch(curve -> curve.size() > 1), steps.toString());
    }
}
