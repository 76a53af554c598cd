package dev.quantline.quantize.tune;

import dev.quantline.gradient.train.Run;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.BatchAxis;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.evaluate.Fidelity;
import dev.quantline.quantize.linear.InputGram;
import dev.quantline.quantize.plan.QuantizationPlan;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Tunes the parts of a network one after the other: each learns to give the float network's outputs from what the parts
 * before it, already quantized and tuned, hand it (sequential), or from what the float network hands it (parallel).
 */
final class BlockTuning implements AutoCloseable {
    private static final int RUN = 32;

    private final Graph reference;
    private final Split split;
    private final boolean sequential;
    private final Provider provider;
    private final Path folder;
    private final Map<String, BatchAxis> axes;
    private final Activations fed;
    /** Samples run at once while activations are collected. */
    private final int size;

    private final Samples samples;
    private Activations floats;
    private Activations quantized;

    /**
     * Which samples do what: {@code 0} to {@code train} are trained on, those up to {@code all} judge. With too few to hold
     * some out, the same do both.
     */
    record Split(int train, int all) {
        /** A quarter judges. */
        static Split of(int samples) {
            return new Split(samples < 4 ? samples : samples - samples / 4, samples);
        }

        /** The first sample that judges. */
        int judging() {
            return train < all ? train : 0;
        }
    }

    /** The model and the plan with everything tuned so far. */
    record State(Graph model, QuantizationPlan plan) {}

    /** A tuned part: the state with it, and how training went; no curve when there was nothing to train. */
    record Part(State state, List<Run.Point> curve) {}

    /**
     * @param reference  the float model whose outputs are to be met
     * @param axes       where tensors that parts start and end in have their samples
     * @param sequential whether inputs come from the quantized network
     * @param folder     where activations are spilled
     */
    BlockTuning(
            Graph reference,
            Samples samples,
            Split split,
            Map<String, BatchAxis> axes,
            boolean sequential,
            Provider provider,
            Path folder) {
        this.reference = reference;
        this.samples = samples;
        this.split = split;
        this.sequential = sequential;
        this.provider = provider;
        this.folder = folder;
        this.axes = axes;
        fed = new Activations(
                folder,
                reference.inputs().stream()
                        .map(input -> input.getName())
                        .collect(Collectors.toMap(name -> name, samples::axis)));
        floats = new Activations(folder, axes);
        quantized = new Activations(folder, axes);
        size = samples.batchSize(samples.openLength() ? 1 : RUN);
        samples.forEachBatch(
                0,
                split.all(),
                size,
                batch -> batch.arrays().forEach((name, tensor) -> fed.append(name, tensor, batch.size())));
    }

    /**
     * Tunes a part, which starts where the one before ended.
     *
     * @param behind     what comes behind it in its stage, when its loss looks there
     * @param checkpoint file to go on from when it is there, and to leave when {@code stop} said so
     * @return empty when it was stopped
     */
    Optional<Part> tune(
            Subgraph part,
            State state,
            Optional<Subgraph> behind,
            Trainables trainables,
            Training training,
            Path checkpoint,
            BooleanSupplier stop,
            Progress progress) {
        var targets = run(part, part.cut(reference), floats);
        var fakeQuant = new FakeQuantGraph(
                part,
                state.model(),
                state.plan(),
                trainables,
                new RoundingRegularizer(training.rounding(), training.steps()));
        var tuned = new Part(state, List.of());
        if (!fakeQuant.parameters().isEmpty()) {
            var ahead = behind.map(rest -> new AcrossBlock(rest, run(rest, rest.cut(reference), targets)));
            var data = new BlockData(part, fed, floats, quantized, targets, ahead);
            var outcome = new Reconstruction(data, fakeQuant, reference, training, split, provider)
                    .run(checkpoint, stop, progress);
            ahead.ifPresent(there -> there.targets().close());
            if (outcome.isEmpty()) {
                targets.close();
                return Optional.empty();
            }
            var changes = fakeQuant.fold(outcome.get().values());
            tuned = new Part(
                    new State(
                            changes.applyTo(state.model()),
                            changes.applyTo(state.plan(), new SharedQuantizers(state.model(), state.plan()))),
                    outcome.get().curve());
        }
        leave(part, tuned.state(), targets);
        return Optional.of(tuned);
    }

    /**
     * Rounds the weights of a part that starts where the one before ended, each layer on what the rounded ones before it hand over.
     */
    State round(Subgraph part, State state, Progress progress) {
        var inputs = new SequentialRounding.Inputs(
                alike(0, split.train(), InputGram.BATCH),
                batch -> inputs(part, floats, batch),
                batch -> inputs(part, quantized, batch));
        return new SequentialRounding(part, reference, state, provider).apply(inputs, progress);
    }

    /** How far the outputs of a part are from the float ones on held-out samples, squared, over their mean power. */
    double error(Subgraph part, State state) {
        var fidelity = new Fidelity();
        try (var first = Session.open(part.cut(reference), provider, Session.Optimization.EXACT);
                var second = Session.open(
                        FakeQuantGraph.fixed(part, state.model(), state.plan()),
                        provider,
                        Session.Optimization.EXACT)) {
            for (int[] batch : alike(split.judging(), split.all(), size)) {
                var exact = first.run(inputs(part, floats, batch));
                var other = second.run(inputs(part, quantized, batch));
                exact.forEach((name, tensor) -> fidelity.add(
                        tensor.reshape(1, tensor.size()), other.get(name).reshape(1, tensor.size())));
            }
        }
        return fidelity.relativeError();
    }

    /** Samples in batches without padding; all whole where the model fixes how many they are. */
    private List<int[]> alike(int from, int to, int most) {
        var byShape = IntStream.range(from, to)
                .boxed()
                .collect(Collectors.groupingBy(
                        sample -> fed.tensors().stream()
                                .map(name -> Arrays.toString(fed.shape(name, sample)))
                                .toList(),
                        LinkedHashMap::new,
                        Collectors.toList()));
        var batches = new ArrayList<int[]>();
        int each = samples.batchSize(most);
        for (var same : byShape.values()) {
            for (int at = 0; at + samples.batchSize(1) <= same.size(); at += each) {
                batches.add(same.subList(at, Math.min(at + each, same.size())).stream()
                        .mapToInt(Integer::intValue)
                        .toArray());
            }
        }
        return batches;
    }

    private Map<String, Tensor> inputs(Subgraph part, Activations network, int[] samples) {
        var batch = new LinkedHashMap<String, Tensor>();
        fed.tensors().forEach(tensor -> batch.put(tensor, fed.batch(tensor, samples)));
        part.inputs().forEach(tensor -> batch.put(tensor, network.batch(tensor, samples)));
        return batch;
    }

    /** How long one training step of a part takes; 0 when it has nothing to train. */
    double secondsAStep(
            Subgraph part, State state, Optional<Subgraph> behind, Trainables trainables, Training training) {
        var fakeQuant = new FakeQuantGraph(
                part,
                state.model(),
                state.plan(),
                trainables,
                new RoundingRegularizer(training.rounding(), training.steps()));
        if (fakeQuant.parameters().isEmpty()) {
            return 0;
        }
        try (var targets = run(part, part.cut(reference), floats)) {
            var ahead = behind.map(rest -> new AcrossBlock(rest, run(rest, rest.cut(reference), targets)));
            var data = new BlockData(part, fed, floats, quantized, targets, ahead);
            double seconds = new Reconstruction(data, fakeQuant, reference, training, split, provider).secondsAStep();
            ahead.ifPresent(there -> there.targets().close());
            return seconds;
        }
    }

    /** Brings in the inputs of a part that does not start where the one before ended. */
    void enter(Subgraph part, State state) {
        if (part.inputs().isEmpty()) {
            replace(new Activations(folder, axes), new Activations(folder, axes));
            return;
        }
        var before = new Subgraph(
                "before " + part.name(),
                List.of(),
                part.inputs(),
                reference.nodes().stream().map(Node::name).collect(Collectors.toSet()));
        var inputs = run(before, before.cut(reference), fed);
        replace(
                inputs,
                sequential ? run(before, FakeQuantGraph.fixed(before, state.model(), state.plan()), fed) : inputs);
    }

    /** Passes a part that is tuned already, as {@link #tune} does at its end: the next one starts from the same bits. */
    void pass(Subgraph part, State state) {
        leave(part, state, run(part, part.cut(reference), floats));
    }

    /** What the part gives becomes what the next one takes. */
    private void leave(Subgraph part, State state, Activations targets) {
        replace(
                targets,
                sequential ? run(part, FakeQuantGraph.fixed(part, state.model(), state.plan()), quantized) : targets);
    }

    private void replace(Activations nextFloats, Activations nextQuantized) {
        floats.close();
        quantized.close();
        floats = nextFloats;
        quantized = nextQuantized;
    }

    /** Runs all samples through a graph of the part. */
    private Activations run(Subgraph part, Graph graph, Activations inputs) {
        var outputs = new Activations(folder, axes);
        try (var session = Session.open(graph, provider, Session.Optimization.EXACT)) {
            for (int from = 0; from < fed.size(); from += size) {
                var samples =
                        IntStream.range(from, Math.min(from + size, fed.size())).toArray();
                session.run(inputs(part, inputs, samples))
                        .forEach((name, tensor) -> outputs.append(name, tensor, samples.length));
            }
        }
        return outputs;
    }

    @Override
    public void close() {
        fed.close();
        floats.close();
        quantized.close();
    }
}
