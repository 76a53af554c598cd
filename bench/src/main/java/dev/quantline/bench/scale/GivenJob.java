package dev.quantline.bench.scale;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.quantline.bench.chaos.Cluster;
import dev.quantline.bench.chaos.Ledger;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The job that the arguments of a bench describe.
 *
 * @param model     a file
 * @param data      a file with calibration data
 * @param recipe    the name of a preset, or a file with an object
 * @param normalize a file as for {@code --normalize}
 */
record GivenJob(Path model, Path data, String recipe, Optional<Path> normalize) {
    static final String ID = "job";
    private static final int PATIENCE_MILLIS = 200;

    static GivenJob of(String... arguments) {
        return new GivenJob(
                Path.of(arguments[0]),
                Path.of(arguments[1]),
                arguments[2],
                arguments.length > 3 ? Optional.of(Path.of(arguments[3])) : Optional.empty());
    }

    /** Submits it and waits until it is done. */
    void run(Cluster cluster, Ledger ledger) throws IOException, InterruptedException {
        cluster.store().put("inputs/model.onnx", model);
        cluster.store().put("inputs/data.npz", data);
        var request = Json.MAPPER
                .createObjectNode()
                .put("id", ID)
                .put("model", "s3://quantline/inputs/model.onnx")
                .put("calibration", "s3://quantline/inputs/data.npz");
        request.set(
                "recipe", recipe.endsWith(".json") ? json(Path.of(recipe)) : JsonNodeFactory.instance.textNode(recipe));
        if (normalize.isPresent()) {
            request.set("normalize", json(normalize.get()));
        }
        ledger.submit(ID, Json.bytes(request));
        while (!ledger.hasEnded(ID)) {
            Thread.sleep(PATIENCE_MILLIS);
        }
        if (!ledger.isDone(ID)) {
            throw new IllegalStateException("the job failed: " + ledger.failure(ID));
        }
    }

    private static JsonNode json(Path file) throws IOException {
        return Json.stated(Files.readAllBytes(file));
    }
}
