package dev.quantline.bench;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Normalization;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.evaluate.Evaluation;
import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.profile.Profile;
import dev.quantline.quantize.profile.Profiler;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * A network that a bench quantizes.
 *
 * @param model       canonical float model
 * @param calibration what to calibrate and tune it on
 * @param validation  what to compare quantized forms with it on
 */
public record Subject(Graph model, Samples calibration, Samples validation) implements AutoCloseable {
    /** Samples run at once. */
    public static final int BATCH = 16;
    /** Of the trained CIFAR-10 transformer and RepVGG; other models take floats or tokens. */
    public static final Normalization CIFAR10 =
            new Normalization(new float[] {.4914f, .4822f, .4465f}, new float[] {.2470f, .2435f, .2616f});

    /** Opens a model and a folder with {@code calibration.npz} and {@code validation.npz}; arrays called {@code image} are CIFAR-10's. */
    public static Subject open(Path model, Path folder) throws IOException {
        return open(model, folder.resolve("calibration.npz"), folder.resolve("validation.npz"));
    }

    /** The same with the data in two files. */
    public static Subject open(Path model, Path calibration, Path validation) throws IOException {
        var graph = PreparedModel.prepare(ModelFile.read(model));
        return new Subject(graph, samples(graph, calibration), samples(graph, validation));
    }

    private static Samples samples(Graph model, Path file) throws IOException {
        var data = Dataset.open(List.of(file));
        return new Samples(data, model, data.has("image") ? Map.of("image", CIFAR10) : Map.of());
    }

    /** Statistics of the first calibration samples. */
    public Profile profile(int samples) {
        return Profiler.observe(
                model,
                calibration,
                0,
                Math.min(samples, calibration.size()),
                BATCH,
                List.of(),
                Provider.cpu(),
                Progress.none());
    }

    /** Compares a quantized form with the float model on the first {@code samples} validation samples, or all if there are fewer. */
    public Evaluation compare(Graph quantized, String metric, int samples) throws IOException {
        try (var before = Session.open(model, Provider.cpu(), Session.Optimization.EXACT);
                var after = Session.open(quantized, Provider.cpu(), Session.Optimization.EXACT)) {
            return Evaluation.run(
                    before,
                    after,
                    validation,
                    Math.min(samples, validation.size()),
                    Measure.of(metric),
                    BATCH,
                    Progress.none());
        }
    }

    @Override
    public void close() throws IOException {
        calibration.dataset().close();
        validation.dataset().close();
    }
}
