package dev.quantline.exporter;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.pipeline.service.TinyJob;
import dev.quantline.pipeline.store.Store;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Jobs of seconds. */
enum SmallJob {
    /** As short as can be. */
    TINY("tiny", "tiny", "\"int8\""),
    /** Every stage of it takes a second at least. */
    TUNED("wide", "wide-judged", "{\"preset\":\"w4a4\",\"tune\":{\"samples\":256,\"training\":{\"steps\":8}}}"),
    /** Its exporter measures how much every layer matters. */
    ALLOCATED(
            "wide", "wide", "{\"preset\":\"mixed\",\"tune\":{\"training\":{\"steps\":1}},\"allocate\":{\"size\":0.4}}");

    private static final int SAMPLES = 512;
    private static final int JUDGED = 4096;
    private static final int WIDTH = 384;
    private static final int LAYERS = 4;

    private final String inputs;
    private final String judged;
    private final String recipe;

    /**
     * @param inputs name of the model and of its calibration data
     * @param judged name of the data that the result is judged on
     */
    SmallJob(String inputs, String judged, String recipe) {
        this.inputs = inputs;
        this.judged = judged;
        this.recipe = recipe;
    }

    static void storeInputs(Store store, Path folder) throws IOException {
        TinyJob.storeInputs(store);
        ModelFile.write(wide(), folder.resolve("wide.onnx"));
        Data.write(folder.resolve("wide.npz"), Data.labelled(wide(), Data.rows(SAMPLES, 2)));
        Data.write(folder.resolve("wide-judged.npz"), Data.labelled(wide(), Data.rows(JUDGED, 3)));
        for (var name : List.of("wide.onnx", "wide.npz", "wide-judged.npz")) {
            store.put("inputs/" + name, folder.resolve(name));
        }
    }

    byte[] request(String id) {
        try {
            return Json.bytes(Map.of(
                    "id",
                    id,
                    "model",
                    "s3://quantline/inputs/" + inputs + ".onnx",
                    "calibration",
                    "s3://quantline/inputs/" + inputs + ".npz",
                    "evaluation",
                    Map.of("data", "s3://quantline/inputs/" + judged + ".npz", "metric", "top1"),
                    "recipe",
                    Json.stated(recipe.getBytes(StandardCharsets.UTF_8))));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** {@code x [batch, 8] -> logits [batch, 10]}, through wide layers. */
    private static Graph wide() {
        var builder = new GraphBuilder(17, 1);
        String x = builder.input("x", DataType.FLOAT, -1, Networks.FEATURES);
        int from = Networks.FEATURES;
        for (int layer = 0; layer < LAYERS; layer++) {
            var name = "layer" + layer;
            x = builder.op(
                    name + ".relu",
                    "Relu",
                    builder.op(
                            name,
                            "Gemm",
                            x,
                            builder.normal(name + ".weight", 1 / Math.sqrt(from), from, WIDTH),
                            builder.normal(name + ".bias", .1, WIDTH)));
            from = WIDTH;
        }
        builder.op("logits", "MatMul", x, builder.normal("head.weight", 1 / Math.sqrt(WIDTH), WIDTH, Networks.CLASSES));
        return builder.output("logits", DataType.FLOAT, -1, Networks.CLASSES).graph();
    }
}
