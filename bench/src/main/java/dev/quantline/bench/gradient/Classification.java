package dev.quantline.bench.gradient;

import dev.quantline.gradient.TrainingGraph;
import dev.quantline.gradient.loss.Loss;
import dev.quantline.gradient.train.Group;
import dev.quantline.gradient.train.HeldOut;
import dev.quantline.gradient.train.Minibatches;
import dev.quantline.gradient.train.Optimizer;
import dev.quantline.gradient.train.Run;
import dev.quantline.gradient.train.Schedule;
import dev.quantline.gradient.train.Trainer;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Normalization;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Trains an image classifier on CIFAR-10 files of {@code image} and {@code labels} and counts its errors on others. */
final class Classification {
    private static final int EVALUATED = 100;

    private Classification() {}

    /**
     * @param batch     images a step
     * @param steps     length of the run
     * @param every     steps between evaluations
     * @param smoothing of the labels
     */
    record Settings(int batch, int steps, int every, Optimizer optimizer, int warmUp, double smoothing) {}

    /** Trains and returns the curve; its scores are shares of wrong answers on {@code validation}. */
    static List<Run.Point> train(
            Graph model, Path folder, Normalization normalization, Settings settings, int validated, Progress progress)
            throws IOException {
        String input = model.inputs().getFirst().getName();
        String logits = model.outputs().getFirst().getName();
        var weights = weights(model);
        var loss = new Loss.CrossEntropy(logits, "labels", settings.smoothing());
        var normalize = Map.of(input, normalization);
        try (var train = Dataset.open(List.of(folder.resolve("train.npz")));
                var validation = Dataset.open(List.of(folder.resolve("validation.npz")))) {
            var batches =
                    new Minibatches(new Samples(train, model, normalize), settings.batch(), 1, List.of("labels"), 1);
            var held = new Minibatches(new Samples(validation, model, normalize), EVALUATED, 1, List.of("labels"), 2);
            var forward = TrainingGraph.forward(model, images(input, EVALUATED), weights, loss, List.of(logits));
            var training = TrainingGraph.of(model, images(input, settings.batch()), weights, loss, List.of());
            var plan = new Trainer.Settings(
                    List.of(new Group(weights, settings.optimizer())),
                    new Schedule.Cosine(settings.warmUp(), settings.steps(), 0),
                    1);
            try (var trainer = new Trainer(training, model.initializers(), plan, Provider.cpu());
                    var session = Session.open(forward.graph(), Provider.cpu(), Session.Optimization.ALL)) {
                var errors = errors(session, held, logits, validated / EVALUATED);
                var run = new Run(trainer, batches, errors, settings.steps(), settings.every());
                run.advance(() -> false, progress);
                return run.curve();
            }
        }
    }

    private static Map<String, long[]> images(String input, int count) {
        return Map.of(input, new long[] {count, 3, 32, 32});
    }

    /** Everything a product, convolution or normalisation learns; statistics of BatchNormalization stay. */
    private static List<String> weights(Graph model) {
        var statistics = model.nodes().stream()
                .filter(node -> node.is("BatchNormalization"))
                .flatMap(node -> node.inputs().subList(3, 5).stream())
                .toList();
        return model.initializers().entrySet().stream()
                .filter(entry -> entry.getValue().type() == DataType.FLOAT
                        && entry.getValue().size() > 1
                        && !statistics.contains(entry.getKey()))
                .map(Map.Entry::getKey)
                .toList();
    }

    private static HeldOut errors(Session session, Minibatches batches, String logits, int count) {
        return values -> {
            int wrong = 0;
            for (int i = 0; i < count; i++) {
                var batch = batches.batch(i);
                var inputs = new LinkedHashMap<>(batch);
                inputs.putAll(values);
                wrong += wrong(session.run(inputs, List.of(logits)).get(logits), batch.get("labels"));
            }
            return wrong / (double) (count * EVALUATED);
        };
    }

    private static int wrong(Tensor logits, Tensor labels) {
        int wrong = 0;
        int classes = logits.dim(1);
        for (int row = 0; row < labels.size(); row++) {
            int best = 0;
            for (int i = 1; i < classes; i++) {
                best = logits.get(row * classes + i) > logits.get(row * classes + best) ? i : best;
            }
            wrong += best == (int) labels.get(row) ? 0 : 1;
        }
        return wrong;
    }
}
