package dev.quantline.bench.tune;

import dev.quantline.bench.Subject;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.calibrate.Calibrator;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Recipe.Training;
import dev.quantline.quantize.settings.Recipe.Tune;
import dev.quantline.quantize.tune.TuneSettings;
import dev.quantline.quantize.tune.Tuner;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * What a step of block reconstruction costs against inference: the time by which more steps of all blocks take longer, a step, over
 * that of the float network for as many samples. Both are taken in turn, several times; ratios of one turn are compared. Arguments:
 * the model, a folder with {@code calibration.npz} and {@code validation.npz}, steps, turns.
 */
public final class StepCost {
    /** Enough that a piece is judged as often as with more. */
    private static final int FEW = 60;

    private static final int SAMPLES = 512;

    private StepCost() {}

    public static void main(String[] arguments) throws IOException {
        int steps = Integer.parseInt(arguments[2]);
        int turns = Integer.parseInt(arguments[3]);
        try (var subject = Subject.open(Path.of(arguments[0]), Path.of(arguments[1]));
                var network = Session.open(subject.model(), Provider.cpu(), Session.Optimization.ALL)) {
            var start = Calibrator.calibrate(
                    subject.model(),
                    subject.profile(128),
                    subject.calibration(),
                    CalibrateSettings.searched(4, 8, List.of()),
                    Subject.BATCH,
                    Provider.cpu(),
                    Progress.none());
            System.out.println(
                    "| turn | seconds a step of all blocks | seconds of inference | ratio |\n|---|---|---|---|");
            for (int turn = 1; turn <= turns; turn++) {
                double few = tuning(subject, start, FEW);
                double step = (tuning(subject, start, FEW + steps) - few) / steps;
                double inference = inference(subject, network);
                System.out.printf("| %d | %.3f | %.3f | %.2f |%n", turn, step, inference, step / inference);
            }
        }
    }

    private static double tuning(Subject subject, Calibrator.Result start, int steps) {
        var stated = "{layers: 'reconstruct', bias: false, normalization: true, samples: %d, training: {steps: %d}}";
        var settings = new TuneSettings(Json.part(Tune.class, stated.formatted(SAMPLES, steps)));
        long began = System.nanoTime();
        Tuner.tune(
                start.model(),
                start.plan(),
                subject.calibration(),
                settings,
                Subject.BATCH,
                Provider.cpu(),
                Progress.none());
        return (System.nanoTime() - began) / 1e9;
    }

    /** Of a batch of like length, as training takes them, on average over all calibration samples. */
    private static double inference(Subject subject, Session network) {
        int batch = Json.part(Training.class, "{}").batch();
        var feeds = new ArrayList<Map<String, Tensor>>();
        subject.calibration()
                .forEachBatch(0, Math.min(SAMPLES, subject.calibration().size()), 1, fed -> feeds.add(fed.arrays()));
        feeds.sort(Comparator.comparingLong(StepCost::size));
        var batches = IntStream.range(0, feeds.size() / batch)
                .mapToObj(i -> stacked(feeds.subList(i * batch, (i + 1) * batch)))
                .toList();
        long began = System.nanoTime();
        batches.forEach(network::run);
        return (System.nanoTime() - began) / 1e9 / batches.size();
    }

    private static long size(Map<String, Tensor> feed) {
        return feed.values().stream().mapToLong(Tensor::size).sum();
    }

    /** One after the other along the first axis, shorter ones filled up with zeros at their end. */
    private static Map<String, Tensor> stacked(List<Map<String, Tensor>> feeds) {
        var longest = feeds.getLast();
        var stacked = new LinkedHashMap<String, Tensor>();
        longest.forEach((name, tensor) -> {
            var shape = tensor.shape();
            shape[0] = feeds.size();
            var all = Tensor.zeros(tensor.type(), shape);
            int stride = tensor.data().remaining();
            var memory = all.data();
            for (int i = 0; i < feeds.size(); i++) {
                memory.position(i * stride).put(feeds.get(i).get(name).data());
            }
            stacked.put(name, all);
        });
        return stacked;
    }
}
