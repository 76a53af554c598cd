package dev.quantline.bench.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Npz;
import dev.quantline.pipeline.store.Store;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Jobs of a second or so: networks of three layers with random weights, 300 samples, and one recipe after the other. */
public final class SmallJobs {
    private static final int FEATURES = 8;
    private static final int HIDDEN = 24;
    private static final int CLASSES = 10;
    /** Enough for two items of profiling. */
    private static final int SAMPLES = 300;

    static final List<String> RECIPES = List.of(
            "\"int8\"", "\"w8a8-fast\"", "{\"preset\":\"w4a4\",\"tune\":{\"training\":{\"steps\":5}}}", "\"mixed\"");

    private SmallJobs() {}

    /** Puts the inputs of so many jobs into the store, {@code inputs/NUMBER.onnx} and {@code inputs/data.npz}. @param folder for files */
    public static void storeInputs(Store store, int jobs, Path folder) throws IOException {
        var data = Files.createDirectories(folder.resolve("inputs")).resolve("data.npz");
        Npz.write(data, Map.of("x", normal(new Random(jobs), 1, SAMPLES, FEATURES)));
        store.put("inputs/data.npz", data);
        for (int job = 0; job < jobs; job++) {
            var file = folder.resolve("inputs").resolve(job + ".onnx");
            ModelFile.write(network(new Random(job)), file);
            store.put("inputs/" + job + ".onnx", file);
        }
    }

    /** The request of one job; the same under another id gives the same model. */
    static byte[] request(String id, int job) throws IOException {
        return request(id, "inputs/" + job + ".onnx", "inputs/data.npz", job);
    }

    /** @param model and data are keys in the store */
    static byte[] request(String id, String model, String data, int job) throws IOException {
        JsonNode recipe = Json.MAPPER.readTree(RECIPES.get(job % RECIPES.size()).getBytes(StandardCharsets.UTF_8));
        return Json.bytes(Map.of(
                "id",
                id,
                "model",
                "s3://quantline/" + model,
                "calibration",
                "s3://quantline/" + data,
                "recipe",
                recipe));
    }

    /** {@code x [batch, 8] -> logits [batch, 10]}. */
    private static Graph network(Random random) {
        var graph = Graph.empty(17);
        graph.inputs().add(ValueInfos.of("x", DataType.FLOAT, -1, FEATURES));
        layer(graph, random, "first", "x", FEATURES, HIDDEN);
        graph.nodes().add(Node.of("Relu", List.of("first"), "first.relu"));
        layer(graph, random, "second", "first.relu", HIDDEN, HIDDEN);
        graph.nodes().add(Node.of("Relu", List.of("second"), "second.relu"));
        layer(graph, random, "logits", "second.relu", HIDDEN, CLASSES);
        graph.outputs().add(ValueInfos.of("logits", DataType.FLOAT, -1, CLASSES));
        return graph;
    }

    private static void layer(Graph graph, Random random, String name, String x, int from, int to) {
        graph.initializers().put(name + ".weight", normal(random, 1 / Math.sqrt(from), from, to));
        graph.initializers().put(name + ".bias", normal(random, .3, to));
        graph.nodes().add(Node.of("Gemm", List.of(x, name + ".weight", name + ".bias"), name));
    }

    private static Tensor normal(Random random, double deviation, long... shape) {
        var tensor = Tensor.zeros(DataType.FLOAT, shape);
        for (var values = tensor.floats(); values.hasRemaining(); ) {
            values.put((float) (deviation * random.nextGaussian()));
        }
        return tensor;
    }
}
