package dev.quantline.bench.scale;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.quantline.bench.chaos.Cluster;
import dev.quantline.bench.chaos.Ledger;
import dev.quantline.bench.chaos.SmallJobs;
import dev.quantline.onnx.ModelFile;
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

    /**
     * Has every service do a small job of the same recipe, so that what is timed later does not run in Java for the first time, as it
     * would not in services that have been up for a while.
     *
     * @param folder for its files
     */
    void warm(Cluster cluster, Ledger ledger, Path folder) throws IOException, InterruptedException {
        SmallJobs.storeInputs(cluster.store(), 1, folder);
        var inputs = folder.resolve("inputs");
        new GivenJob(inputs.resolve("0.onnx"), inputs.resolve("data.npz"), recipe, Optional.empty())
                .run(cluster, ledger, "small");
    }

    /** Submits it as {@link #ID} and waits until it is done. */
    void run(Cluster cluster, Ledger ledger) throws IOException, InterruptedException {
        run(cluster, ledger, ID);
    }

    private void run(Cluster cluster, Ledger ledger, String id) throws IOException, InterruptedException {
        var inputs = "inputs/" + id + "/";
        cluster.store().put(inputs + "model.onnx", model);
        for (var name : ModelFile.externalNames(model)) {
            cluster.store().put(inputs + name, model.resolveSibling(name));
        }
        cluster.store().put(inputs + "data.npz", data);
        var request = Json.MAPPER
                .createObjectNode()
                .put("id", id)
                .put("model", "s3://quantline/" + inputs + "model.onnx")
                .put("calibration", "s3://quantline/" + inputs + "data.npz");
        request.set(
                "recipe", recipe.endsWith(".json") ? json(Path.of(recipe)) : JsonNodeFactory.instance.textNode(recipe));
        if (normalize.isPresent()) {
            request.set("normalize", json(normalize.get()));
        }
        ledger.submit(id, Json.bytes(request));
        while (!ledger.hasEnded(id)) {
            Thread.sleep(PATIENCE_MILLIS);
        }
        if (!ledger.isDone(id)) {
            throw new IllegalStateException("the job failed: " + ledger.failure(id));
        }
    }

    private static JsonNode json(Path file) throws IOException {
        return Json.stated(Files.readAllBytes(file));
    }
}
