package dev.quantline.pipeline.service;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.ModelFile;
import dev.quantline.pipeline.store.Store;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Map;

/** A small network with 300 samples: enough for two items of profiling. */
public final class TinyJob {
    private static final int SAMPLES = 300;

    private TinyJob() {}

    /** Puts {@code inputs/tiny.onnx} and {@code inputs/tiny.npz}, with labels, into the store. */
    public static void storeInputs(Store store) throws IOException {
        var folder = Files.createTempDirectory("tiny");
        var network = Networks.mlp(1);
        ModelFile.write(network, folder.resolve("tiny.onnx"));
        Data.write(folder.resolve("tiny.npz"), Data.labelled(network, Data.rows(SAMPLES, 2)));
        store.put("inputs/tiny.onnx", folder.resolve("tiny.onnx"));
        store.put("inputs/tiny.npz", folder.resolve("tiny.npz"));
    }

    /** A request for the default recipe, judged by its labels. */
    public static byte[] request(String id, String model) {
        var data = "s3://quantline/inputs/tiny.npz";
        return Json.bytes(Map.of(
                "id",
                id,
                "model",
                "s3://quantline/inputs/" + model,
                "calibration",
                data,
                "evaluation",
                Map.of("data", data, "metric", "top1")));
    }
}
