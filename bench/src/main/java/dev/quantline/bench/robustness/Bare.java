package dev.quantline.bench.robustness;

import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.pipeline.event.Event.Seconds;
import dev.quantline.pipeline.job.JobReader;
import dev.quantline.pipeline.stage.Earlier;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What a stage works with where there is no store and nobody listens. */
final class Bare {
    private Bare() {}

    /** @param work folder for results, made if it is missing; shared by all that are given it */
    static StageContext context(Map<String, List<Path>> inputs, Path work) throws IOException {
        Files.createDirectories(work);
        var request = Json.MAPPER
                .createObjectNode()
                .put("model", "s3://quantline/model.onnx")
                .put("calibration", "s3://quantline/data.npz");
        return new StageContext(
                JobReader.read(request, "bench"),
                inputs,
                new Earlier(Map.of()),
                work,
                Spilling.all(work),
                List.of(),
                Optional.empty(),
                Progress.none(),
                () -> {},
                () -> new Seconds(0, 0, 0, 0),
                _ -> {},
                "bench");
    }
}
