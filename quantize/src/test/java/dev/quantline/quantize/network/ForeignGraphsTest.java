package dev.quantline.quantize.network;

import dev.quantline.fixture.Checkout;
import dev.quantline.fixture.Data;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.evaluate.Comparison;
import dev.quantline.quantize.evaluate.Fidelity;
import dev.quantline.quantize.fixture.Recipes;
import dev.quantline.quantize.fixture.Stages;
import dev.quantline.quantize.tune.Tuner;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Graphs from other exporters pass through all stages with random data. */
class ForeignGraphsTest {
    private static final long SEED = 5;
    private static final int SAMPLES = 4;
    private static final int TOKENS = 6;

    @TempDir
    private Path folder;

    private static Map<String, Tensor> random(Graph model) {
        var random = new Random(SEED);
        var arrays = new LinkedHashMap<String, Tensor>();
        for (var input : model.inputs()) {
            if (model.initializers().containsKey(input.getName())) {
                continue;
            }
            var shape = ValueInfos.shape(input).orElseThrow();
            for (int i = 0; i < shape.length; i++) {
                shape[i] = i == 0 ? SAMPLES : shape[i] < 0 ? TOKENS : shape[i];
            }
            int size = (int) Tensor.count(shape);
            boolean mask = input.getName().contains("mask");
            if (ValueInfos.type(input).orElseThrow() == DataType.INT64) {
                arrays.put(
                        input.getName(),
                        Tensor.of(random.longs(size, mask ? 1 : 0, 2).toArray(), shape));
            } else {
                var values = new float[size];
                for (int i = 0; i < size; i++) {
                    values[i] = mask ? 1 : (float) (.5 + .4 * Math.sin(i / 37.0) + .1 * random.nextDouble());
                }
                arrays.put(input.getName(), Tensor.of(values, shape));
            }
        }
        return arrays;
    }

    private static Fidelity compare(Session reference, Graph graph, Samples samples) {
        var comparison = new Comparison();
        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.ALL)) {
            samples.forEachBatch(
                    0, SAMPLES, 1, fed -> comparison.add(fed, reference.run(fed.arrays()), session.run(fed.arrays())));
        }
        return comparison.worst();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "graph-only/deeploy_tinyvit_demo_random",
                "graph-only/mnist_cntk",
                "graph-only/optimum_distilbert_h2_random",
                "graph-only/tribuo_tinybert_random",
                "graph-only/vespa_random_decoder",
                "reprlfn_x4_64",
                "ultraface_rfb320",
                "fastestdet_coco"
            })
    void everyStageTakesIt(String name) throws IOException {
        // Given
        var file = Checkout.shared("models/" + name + ".onnx");
        var original = ModelFile.read(file);
        var arrays = random(original);

        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), arrays)));
                var before = Session.open(file, Provider.cpu(), Session.Optimization.ALL)) {
            // When: one sample at a time, which is all that one of them supports, whatever its axes declare
            var prepared = PreparedModel.prepare(original);
            var samples = new Samples(data, prepared, Map.of());
            var stages = Stages.run(prepared, samples, CalibrateSettings.int8(), 1);
            var quantized = stages.quantized();

            // Then
            OnnxLibrary.check(quantized);
            assertFalse(stages.plan().weights().isEmpty());
            double prepares = compare(before, prepared, samples).sqnrDb();
            assertTrue(prepares > 80, "prepared, " + prepares + " dB");
            var tuned = Tuner.tune(
                    stages.model(), stages.plan(), samples, Recipes.int8(), 1, Provider.cpu(), Progress.none());
            double cosine = compare(before, tuned.plan().applyTo(tuned.model()), samples)
                    .cosine();
            assertTrue(cosine > .97, "int8, cosine " + cosine);
        }
    }
}
