package dev.quantline.bench.calibrate;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.calibrate.RangeCriterion;
import dev.quantline.quantize.profile.Profile;
import dev.quantline.quantize.profile.Profiler;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Cost of statistics and range searches compared with the forward passes they need. Arguments: model, calibration {@code .npz}, number
 * of samples, rounds. Plain passes and profiling take turns; the shortest of each counts.
 */
public final class CalibrationCost {
    private static final int BATCH = 16;

    private CalibrationCost() {}

    public static void main(String[] arguments) throws IOException {
        int count = Integer.parseInt(arguments[2]);
        var model = PreparedModel.prepare(ModelFile.read(Path.of(arguments[0])));
        double plain = Double.POSITIVE_INFINITY;
        double profiling = Double.POSITIVE_INFINITY;
        double search = Double.POSITIVE_INFINITY;
        try (var dataset = Dataset.open(List.of(Path.of(arguments[1])))) {
            var samples = new Samples(dataset, model, Map.of());
            for (int round = 0; round < Integer.parseInt(arguments[3]); round++) {
                plain = Math.min(plain, seconds(() -> forward(model, samples, count)));
                var profile = new Profile[1];
                profiling = Math.min(
                        profiling,
                        seconds(() -> profile[0] = Profiler.observe(
                                model, samples, 0, count, BATCH, List.of(), Provider.cpu(), Progress.none())));
                search = Math.min(search, seconds(() -> searchAll(profile[0])));
            }
        }
        System.out.printf(
                "| forward passes | profiling | all criteria at 4 and 8 bits | together / forward passes |%n|---|---|---|---|%n"
                        + "| %.2f s | %.2f s | %.2f s | %.2f |%n",
                plain, profiling, search, (profiling + search) / plain);
    }

    private static void forward(Graph model, Samples samples, int count) {
        try (var session = Session.open(model, Provider.cpu(), Session.Optimization.ALL)) {
            samples.forEachBatch(0, count, BATCH, fed -> session.run(fed.arrays()));
        }
    }

    private static void searchAll(Profile profile) {
        for (var seen : profile.tensors().values()) {
            for (var criterion : RangeCriterion.ALL) {
                criterion.choose(seen, 4);
                criterion.choose(seen, 8);
            }
        }
    }

    private static double seconds(Runnable work) {
        long start = System.nanoTime();
        work.run();
        return (System.nanoTime() - start) / 1e9;
    }
}
