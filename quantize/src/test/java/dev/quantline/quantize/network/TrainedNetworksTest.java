package dev.quantline.quantize.network;

import dev.quantline.fixture.Checkout;
import dev.quantline.fixture.Data;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Normalization;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.evaluate.Evaluation;
import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.fixture.Recipes;
import dev.quantline.quantize.fixture.Stages;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Migration;
import dev.quantline.quantize.settings.SoftmaxQuantizer;
import dev.quantline.quantize.settings.WeightRange;
import dev.quantline.quantize.tune.Tuner;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertTrue;

/** Trained networks at int8, from the original file to the model that a user would run, on part of the validation data. */
class TrainedNetworksTest {
    private static final CalibrateSettings INT8 = Recipes.calibrate(
            ActivationRange.MSE, WeightRange.MAX, SoftmaxQuantizer.UNIFORM, Migration.MEDIAN, 8, 8, List.of(), 32);
    private static final float[] MEAN = {.4914f, .4822f, .4465f};

    @TempDir
    private Path folder;

    private interface Task<T> {
        T of(Samples samples) throws IOException;
    }

    /** Runs on the first samples of a shared file, with all of its arrays. */
    private <T> T first(String file, int count, String model, Map<String, Normalization> normalize, Task<T> task)
            throws IOException {
        var arrays = new LinkedHashMap<String, Tensor>();
        try (var all = Dataset.open(List.of(Checkout.shared("data/" + file)))) {
            var batches = new ArrayList<Dataset.Batch>();
            all.forEachBatch(0, count, count, batches::add);
            arrays.putAll(batches.getFirst().arrays());
            if (all.has("labels")) {
                var labels = Tensor.of(all.target("labels"), all.size()).toLongs();
                arrays.put("labels", Tensor.vector(labels).rows(0, count));
            }
        }
        try (var some = Dataset.open(List.of(Data.write(folder.resolve("some.npz"), arrays)))) {
            return task.of(new Samples(some, ModelFile.read(Checkout.shared("models/" + model)), normalize));
        }
    }

    private Evaluation evaluate(
            String model,
            Map<String, Normalization> normalize,
            String data,
            int calibration,
            int validation,
            String metric)
            throws IOException {
        var file = Checkout.shared("models/" + model);
        var tuned = first(data + "/calibration.npz", calibration, model, normalize, samples -> {
            var stages = Stages.run(PreparedModel.prepare(ModelFile.read(file)), samples, INT8);
            return Tuner.tune(
                    stages.model(), stages.plan(), samples, Recipes.int8(), 32, Provider.cpu(), Progress.none());
        });
        return first(data + "/validation.npz", validation, model, normalize, samples -> {
            try (var before = Session.open(file, Provider.cpu(), Session.Optimization.ALL);
                    var after = Session.open(
                            tuned.plan().applyTo(tuned.model()), Provider.cpu(), Session.Optimization.ALL)) {
                return Evaluation.run(before, after, samples, Measure.of(metric), 32, Progress.none());
            }
        });
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "resnet20_cifar10",
                "shufflenetv2_x0_5_cifar10",
                "vit_cifar10",
                "repvgg_cifar10_deploy",
                "repvgg_cifar10_branches"
            })
    void imageNetworksLoseLessThanOnePoint(String model) throws IOException {
        boolean converted = model.startsWith("resnet") || model.startsWith("shuffle");
        var std = converted ? new float[] {.2023f, .1994f, .2010f} : new float[] {.2470f, .2435f, .2616f};

        var result =
                evaluate(model + ".onnx", Map.of("image", new Normalization(MEAN, std)), "cifar10", 512, 900, "top1");

        assertTrue(result.baseline().orElseThrow() > .65, "float: " + result.baseline());
        assertTrue(result.drop() <= .01, "float " + result.baseline() + ", int8 " + result.changed());
        assertTrue(
                result.fidelity().cosine() > .99, "cosine " + result.fidelity().cosine());
    }

    @Test
    void aLanguageModelKeepsItsLikelihood() throws IOException {
        var result = evaluate("stories260K.onnx", Map.of(), "tinystories", 32, 24, "perplexity");

        double loss = Math.log(result.changed().orElseThrow())
                - Math.log(result.baseline().orElseThrow());
        assertTrue(result.baseline().orElseThrow() < 5, "float: " + result.baseline());
        assertTrue(loss < .05, "negative log likelihood rose by " + loss);
    }
}
