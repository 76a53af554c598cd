package dev.quantline.quantize.tune;

import dev.quantline.gradient.TrainingGraph;
import dev.quantline.gradient.loss.Loss;
import dev.quantline.gradient.train.Batches;
import dev.quantline.gradient.train.ComputedParameter;
import dev.quantline.gradient.train.Group;
import dev.quantline.gradient.train.HeldOut;
import dev.quantline.gradient.train.Optimizer;
import dev.quantline.gradient.train.Run;
import dev.quantline.gradient.train.Schedule;
import dev.quantline.gradient.train.Trainer;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.quantize.settings.Recipe.Training;
import dev.quantline.quantize.tune.BlockTuning.Split;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;

/**
 * Trains one quantized subgraph to reproduce its float outputs (AdaQuant, arXiv 2006.10518, for a layer; block
 * reconstruction, arXiv 2102.05426, for a block), and keeps the values with the least held-out loss, those at the start
 * included.
 */
final class Reconstruction {
    private static final int EVALUATIONS = 6;
    private static final int TIMED = 4;

    private final BlockData data;
    private final Training training;
    private final Split split;
    private final Provider provider;
    private final FakeQuantGraph fakeQuant;
    private final Graph graph;
    private final Map<String, long[]> hidden;
    private final Loss loss;
    /** Gradients are taken with respect to these: the trained tensors that the graph reads, and inputs computed from other ones. */
    private final List<String> differentiated;

    /** @param reference float model, for the rest of the stage */
    Reconstruction(
            BlockData data,
            FakeQuantGraph fakeQuant,
            Graph reference,
            Training training,
            Split split,
            Provider provider) {
        this.data = data;
        this.training = training;
        this.split = split;
        this.provider = provider;
        this.fakeQuant = fakeQuant;
        graph = fakeQuant.graph().copy();
        hidden = HiddenShapes.of(
                data.subgraph().cut(reference),
                data.batch(IntStream.range(0, Math.min(training.batch(), split.train()))
                        .toArray()),
                provider);
        data.ahead().ifPresent(ahead -> ahead.appendTo(graph, reference));
        loss = new ReconstructionLoss(data, training, split, graph).loss();
        var derived = fakeQuant.derived();
        differentiated =
                new ArrayList<>(derived.stream().map(ComputedParameter::tensor).toList());
        fakeQuant.parameters().keySet().stream()
                .filter(tensor ->
                        derived.stream().noneMatch(input -> input.sources().contains(tensor)))
                .forEach(differentiated::add);
    }

    /** Values of the trained tensors and the training curve; scores are relative to the mean power of the float outputs. */
    record Outcome(Map<String, Tensor> values, List<Run.Point> curve) {}

    /**
     * Trains to the end or until {@code stop} returns true.
     *
     * @param checkpoint file to resume from if it exists, and to write when stopped
     * @return empty if training was stopped
     */
    Optional<Outcome> run(Path checkpoint, BooleanSupplier stop, Progress progress) {
        try (var trainer = trainer()) {
            var batches = batches();
            var weights = data.ahead().isEmpty()
                    ? Map.<String, Tensor>of()
                    : ReconstructionLoss.weights(1, training.ahead() * balance(trainer, batches.batch(0)));
            return run(trainer, weighted(batches, weights), weights, checkpoint, stop, progress);
        } catch (IOException e) {
            throw new UncheckedIOException("the training checkpoint cannot be read or written: " + checkpoint, e);
        }
    }

    private Trainer trainer() {
        var settings = new Trainer.Settings(groups(fakeQuant.parameters()), Schedule.cosine(training.steps()), 0);
        var forTraining = TrainingGraph.of(
                graph, sizes(Math.min(training.batch(), split.train())), differentiated, loss, List.of());
        return new Trainer(forTraining, graph.initializers(), settings, fakeQuant.derived(), provider);
    }

    private Batches batches() {
        return data.training(split.train(), training.batch(), training.mix(), training.seed());
    }

    /** Seconds per step, averaged over a few after the first. */
    double secondsAStep() {
        try (var trainer = trainer()) {
            var batches = weighted(batches(), data.ahead().isEmpty() ? Map.of() : ReconstructionLoss.weights(1, 1));
            trainer.gradients(batches.batch(0));
            long began = System.nanoTime();
            for (int i = 0; i < TIMED; i++) {
                trainer.gradients(batches.batch(i));
            }
            return (System.nanoTime() - began) / 1e9 / TIMED;
        }
    }

    private Optional<Outcome> run(
            Trainer trainer,
            Batches batches,
            Map<String, Tensor> weights,
            Path checkpoint,
            BooleanSupplier stop,
            Progress progress)
            throws IOException {
        int size = Math.min(training.batch(), split.all() - split.judging());
        int count = (split.all() - split.judging()) / size;
        var judging = weighted(data.judging(split.judging(), split.all(), size), weights);
        var forJudging = TrainingGraph.forward(graph, sizes(size), differentiated, loss, List.of());
        try (var heldOut = HeldOut.loss(forJudging, judging, count, provider)) {
            var run = new Run(
                    trainer, batches, judge(heldOut), training.steps(), Math.max(1, training.steps() / EVALUATIONS));
            if (Files.exists(checkpoint)) {
                run.restore(checkpoint);
                Files.delete(checkpoint);
            }
            if (!run.advance(stop, progress)) {
                run.save(checkpoint);
                return Optional.empty();
            }
            return Optional.of(new Outcome(run.best(), run.curve()));
        }
    }

    /** Ratio of the gradient norms: of the subgraph's own loss over that of its stage. */
    private static double balance(Trainer trainer, Map<String, Tensor> batch) {
        trainer.gradients(with(batch, ReconstructionLoss.weights(1, 0)));
        double near = trainer.gradientNorm();
        trainer.gradients(with(batch, ReconstructionLoss.weights(0, 1)));
        double far = trainer.gradientNorm();
        return far > 0 && Double.isFinite(near / far) ? near / far : 0;
    }

    private static Batches weighted(Batches batches, Map<String, Tensor> weights) {
        return number -> with(batches.batch(number), weights);
    }

    private static Map<String, Tensor> with(Map<String, Tensor> batch, Map<String, Tensor> more) {
        var both = new LinkedHashMap<>(batch);
        both.putAll(more);
        return both;
    }

    /** Scores values as they will be stored. */
    private HeldOut judge(HeldOut heldOut) {
        return values -> {
            var stored = new LinkedHashMap<>(fakeQuant.decided(values));
            for (var input : fakeQuant.derived()) {
                var computed = Tensor.zeros(DataType.FLOAT, input.shape());
                input.compute(stored, computed);
                stored.put(input.tensor(), computed);
            }
            return heldOut.score(stored);
        };
    }

    private Map<String, long[]> sizes(int batch) {
        var sizes = new LinkedHashMap<>(hidden);
        var lengths = new HashMap<List<Long>, Long>();
        data.subgraph()
                .inputs()
                .forEach(tensor -> sizes.put(tensor, data.quantized().sizes(tensor, lengths, batch)));
        data.fed().tensors().forEach(tensor -> sizes.put(tensor, data.fed().sizes(tensor, lengths, batch)));
        data.subgraph()
                .outputs()
                .forEach(tensor ->
                        sizes.put(tensor + BlockData.FILLED, data.targets().maskSizes(tensor, lengths, batch)));
        data.ahead()
                .ifPresent(ahead -> ahead.rest()
                        .outputs()
                        .forEach(tensor -> sizes.put(
                                tensor + BlockData.FILLED, ahead.targets().maskSizes(tensor, lengths, batch))));
        return sizes;
    }

    private List<Group> groups(Map<String, Trainables.Kind> parameters) {
        var kinds = new EnumMap<Trainables.Kind, List<String>>(Trainables.Kind.class);
        parameters.forEach((tensor, kind) ->
                kinds.computeIfAbsent(kind, first -> new ArrayList<>()).add(tensor));
        return kinds.entrySet().stream()
                .map(kind ->
                        new Group(kind.getValue(), Optimizer.adam(kind.getKey().rate(training.rates()))))
                .toList();
    }
}
