package dev.quantline.tune;

import dev.quantline.gradient.TrainingGraph;
import dev.quantline.gradient.loss.Loss;
import dev.quantline.gradient.train.Derived;
import dev.quantline.gradient.train.Group;
import dev.quantline.gradient.train.HeldOut;
import dev.quantline.gradient.train.Optimizer;
import dev.quantline.gradient.train.Run;
import dev.quantline.gradient.train.Schedule;
import dev.quantline.gradient.train.Trainer;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.runtime.Progress;
import dev.quantline.runtime.Provider;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * Trains one quantized subgraph to give the outputs of the float one (AdaQuant, arXiv 2006.10518, when it is a layer; block
 * reconstruction, arXiv 2102.05426, when it is a block), and keeps the values that held-out samples liked best, the start
 * included.
 */
final class Reconstruction {
    private static final int EVALUATIONS = 6;

    private final BlockData data;
    private final Training training;
    private final BlockTuning.Split split;
    private final Provider provider;

    Reconstruction(BlockData data, Training training, BlockTuning.Split split, Provider provider) {
        this.data = data;
        this.training = training;
        this.split = split;
        this.provider = provider;
    }

    /** Values of the trained tensors and how the run went; scores are relative to the float outputs' mean power. */
    record Outcome(Map<String, Tensor> values, List<Run.Point> curve) {
    }

    /**
     * Trains to the end or until {@code stop} says so.
     *
     * @param checkpoint file to go on from when it is there, and to leave when stopped
     * @return empty when stopped
     */
    Optional<Outcome> run(Simulation simulation, Path checkpoint, BooleanSupplier stop, Progress progress) {
        var parameters = simulation.parameters();
        var model = simulation.graph().copy();
        var loss = loss(model);
        model.sort();
        var sizes = new LinkedHashMap<String, long[]>();
        data.part().inputs().forEach(tensor -> sizes.put(tensor, data.quantized().commonShape(tensor)));
        data.fed().tensors().forEach(tensor -> sizes.put(tensor, data.fed().commonShape(tensor)));
        var trainSizes = sized(sizes, Math.min(training.batch(), split.train()));
        int judging = split.all() - split.judging();
        var judgeSizes = sized(sizes, Math.min(training.batch(), judging));
        var derived = simulation.derived();
        var trained = new ArrayList<String>(derived.stream().map(Derived::tensor).toList());
        parameters.keySet().stream().filter(tensor -> derived.stream().noneMatch(input -> input.sources().contains(tensor)))
            .forEach(trained::add);
        try (var trainer = new Trainer(TrainingGraph.of(model, trainSizes, trained, loss, List.of()), model.initializers(),
                 new Trainer.Settings(groups(parameters), Schedule.cosine(training.steps()), 0), derived, provider);
             var heldOut = HeldOut.loss(TrainingGraph.forward(model, judgeSizes, trained, loss, List.of()),
                 data.judging(split.judging(), split.all(), training.batch()), judging / Math.min(training.batch(), judging), provider)) {
            var judge = judge(simulation, heldOut);
            var run = new Run(trainer, data.training(split.train(), training.batch(), training.floatShare(), training.seed()), judge,
                training.steps(), Math.max(1, training.steps() / EVALUATIONS));
            if (Files.exists(checkpoint)) {
                run.restore(checkpoint);
                Files.delete(checkpoint);
            }
            if (!run.advance(stop, progress)) {
                run.save(checkpoint);
                return Optional.empty();
            }
            return Optional.of(new Outcome(run.best(), run.curve()));
        } catch (IOException e) {
            throw new UncheckedIOException("a checkpoint of training cannot be kept in " + checkpoint, e);
        }
    }

    /** Scores values as they will be stored. */
    private static HeldOut judge(Simulation simulation, HeldOut heldOut) {
        return values -> {
            var stored = new LinkedHashMap<>(simulation.decided(values));
            for (var input : simulation.derived()) {
                var computed = Tensor.zeros(DataType.FLOAT, input.shape());
                input.compute(stored, computed);
                stored.put(input.tensor(), computed);
            }
            return heldOut.score(stored);
        };
    }

    private static Map<String, long[]> sized(Map<String, long[]> shapes, int batch) {
        var sized = new LinkedHashMap<String, long[]>();
        shapes.forEach((tensor, shape) -> {
            var fixed = shape.clone();
            fixed[0] = batch;
            sized.put(tensor, fixed);
        });
        return sized;
    }

    private List<Group> groups(Map<String, Trainables.Kind> parameters) {
        var kinds = new EnumMap<Trainables.Kind, List<String>>(Trainables.Kind.class);
        parameters.forEach((tensor, kind) -> kinds.computeIfAbsent(kind, first -> new ArrayList<>()).add(tensor));
        return kinds.entrySet().stream().map(kind -> new Group(kind.getValue(), Optimizer.adam(training.rate(kind.getKey())))).toList();
    }

    /** Distance of all outputs to their targets, over the mean power of these; what was filled up does not count. */
    private Loss loss(Graph model) {
        var terms = new ArrayList<Loss.Term>();
        boolean squared = training.loss() == Training.Distance.MSE;
        double power = data.power(split.judging(), split.all(), squared ? 2 : 1);
        for (String output : data.part().outputs()) {
            String prediction = output;
            if (!data.targets().isUniform(output)) {
                prediction = model.fresh(output + "/counted");
                model.inputs().add(ValueInfos.of(output + BlockData.FILLED, DataType.FLOAT, maskShape(output)));
                model.nodes().add(Node.of("Mul", List.of(output, output + BlockData.FILLED), prediction));
            }
            var distance = squared ? new Loss.MeanSquared(prediction, output + BlockData.TARGET)
                : new Loss.MeanAbsolute(prediction, output + BlockData.TARGET);
            terms.add(Loss.Term.of(1 / Math.max(power, Float.MIN_NORMAL) / data.part().outputs().size(), distance));
        }
        return new Loss.Sum(terms);
    }

    private long[] maskShape(String output) {
        var shape = data.targets().commonShape(output);
        for (int axis = 1; axis < shape.length; axis++) {
            shape[axis] = shape[axis] < 0 ? -1 : 1;
        }
        return shape;
    }
}
