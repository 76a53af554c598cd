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
import dev.quantline.quantize.settings.Recipe.Training;
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
 * Tunes the subgraphs of a network one after the other: each learns to reproduce the float network's outputs, either from the
 * outputs of the preceding subgraphs, already quantized and tuned (sequential), or from those of the float network (parallel).
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
    /** Number of samples run at once while activations are collected. */
    private final int size;

    private final Samples samples;
    private final List<Activations> opened = new ArrayList<>();
    private Activations floats;
    private Activations quantized;

    /**
     * The samples {@code 0} to {@code train} are trained on; those from there to {@code all} are held out. With too few
     * samples to hold any out, the same ones serve both purposes.
     */
    record Split(int train, int all) {
        /** Holds out a quarter of the samples. */
        static Split of(int samples) {
            return new Split(samples < 4 ? samples : samples - samples / 4, samples);
        }

        /** The first sample that is evaluated on. */
        int judging() {
            return train < all ? train : 0;
        }
    }

    /** The model and the plan with everything that has been tuned so far. */
    record State(Graph model, QuantizationPlan plan) {}

    /**
     * A tuned subgraph.
     *
     * @param state   includes it
     * @param changes what training changed
     * @param curve   of its training; empty if there was nothing to train
     */
    record Part(State state, Tuned changes, List<Run.Point> curve) {}

    /**
     * @param reference  the float model, the reference for the outputs
     * @param axes       batch axes of the tensors that subgraphs start and end in
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
        fed = open(reference.inputs().stream()
                .map(input -> input.getName())
                .collect(Collectors.toMap(name -> name, samples::axis)));
        floats = open(axes);
        quantized = open(axes);
        size = samples.batchSize(samples.openLength() ? 1 : RUN);
        try {
            samples.forEachBatch(
                    0,
                    split.all(),
                    size,
                    batch -> batch.arrays().forEach((name, tensor) -> fed.append(name, tensor, batch.size())));
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    /** Activations, which this object closes at the latest when it is closed itself. */
    private Activations open(Map<String, BatchAxis> where) {
        opened.add(new Activations(folder, where));
        return opened.getLast();
    }

    /**
     * Tunes a subgraph that starts where the previous one ended.
     *
     * @param behind     the rest of its stage, if its loss includes the end of the stage
     * @param checkpoint file to resume from if it exists, and to write if {@code stop} returned true
     * @return empty if training was stopped
     */
    Optional<Part> tune(
            Subgraph subgraph,
            State state,
            Optional<Subgraph> behind,
            Trainables trainables,
            Training training,
            Path checkpoint,
            BooleanSupplier stop,
            Progress progress) {
        var targets = run(subgraph, subgraph.cut(reference), floats);
        var fakeQuant = fakeQuant(subgraph, state, trainables, training);
        var tuned = Optional.of(new Part(state, new Tuned(), List.of()));
        if (!fakeQuant.parameters().isEmpty()) {
            try (var ahead = ahead(behind, targets)) {
                var shared = new SharedQuantizers(state.model(), state.plan());
                tuned = reconstruction(subgraph, targets, ahead, fakeQuant, training)
                        .run(checkpoint, stop, progress)
                        .map(outcome -> part(state, shared, fakeQuant.fold(outcome.values()), outcome.curve()));
            }
        }
        tuned.ifPresent(part -> leave(subgraph, part.state(), targets));
        return tuned;
    }

    private static Part part(State state, SharedQuantizers shared, Tuned changes, List<Run.Point> curve) {
        return new Part(changes.applyTo(state, shared), changes, curve);
    }

    private static FakeQuantGraph fakeQuant(Subgraph subgraph, State state, Trainables trainables, Training training) {
        return new FakeQuantGraph(
                subgraph,
                state.model(),
                state.plan(),
                trainables,
                new RoundingRegularizer(training.rates().decision(), training.steps()));
    }

    /** To be closed by the caller; null if the loss ignores the rest of the stage. */
    private AcrossBlock ahead(Optional<Subgraph> behind, Activations targets) {
        return behind.map(rest -> new AcrossBlock(rest, run(rest, rest.cut(reference), targets)))
                .orElse(null);
    }

    private Reconstruction reconstruction(
            Subgraph subgraph, Activations targets, AcrossBlock ahead, FakeQuantGraph fakeQuant, Training training) {
        var data = new BlockData(subgraph, fed, floats, quantized, targets, Optional.ofNullable(ahead));
        return new Reconstruction(data, fakeQuant, reference, training, split, provider);
    }

    /** Rounds the weights of a subgraph that starts where the previous one ended, each layer on inputs from the layers already rounded. */
    Tuned round(Subgraph subgraph, State state, Progress progress) {
        var inputs = new SequentialRounding.Inputs(
                alike(0, split.train(), InputGram.BATCH),
                batch -> inputs(subgraph, floats, batch),
                batch -> inputs(subgraph, quantized, batch));
        return new SequentialRounding(subgraph, reference, state, provider).apply(inputs, progress);
    }

    /** Squared error of a subgraph's outputs against the float ones on held-out samples, relative to their mean power. */
    double error(Subgraph subgraph, State state) {
        var fidelity = new Fidelity();
        try (var first = Session.open(subgraph.cut(reference), provider, Session.Optimization.EXACT);
                var second = Session.open(
                        FakeQuantGraph.fixed(subgraph, state.model(), state.plan()),
                        provider,
                        Session.Optimization.EXACT)) {
            for (int[] batch : alike(split.judging(), split.all(), size)) {
                var exact = first.run(inputs(subgraph, floats, batch));
                var other = second.run(inputs(subgraph, quantized, batch));
                exact.forEach((name, tensor) -> fidelity.add(
                        tensor.reshape(1, tensor.size()), other.get(name).reshape(1, tensor.size())));
            }
        }
        return fidelity.relativeError();
    }

    /** Samples in batches without padding; only full batches if the model fixes the batch size. */
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

    private Map<String, Tensor> inputs(Subgraph subgraph, Activations network, int[] samples) {
        var batch = new LinkedHashMap<String, Tensor>();
        fed.tensors().forEach(tensor -> batch.put(tensor, fed.batch(tensor, samples)));
        subgraph.inputs().forEach(tensor -> batch.put(tensor, network.batch(tensor, samples)));
        return batch;
    }

    /** Seconds per training step of a subgraph; 0 if it has nothing to train. */
    double secondsAStep(
            Subgraph subgraph, State state, Optional<Subgraph> behind, Trainables trainables, Training training) {
        var fakeQuant = fakeQuant(subgraph, state, trainables, training);
        if (fakeQuant.parameters().isEmpty()) {
            return 0;
        }
        try (var targets = run(subgraph, subgraph.cut(reference), floats);
                var ahead = ahead(behind, targets)) {
            return reconstruction(subgraph, targets, ahead, fakeQuant, training).secondsAStep();
        }
    }

    /** Computes the inputs of a subgraph that does not start where the previous one ended. */
    void enter(Subgraph subgraph, State state) {
        if (subgraph.inputs().isEmpty()) {
            replace(open(axes), open(axes));
            return;
        }
        var before = new Subgraph(
                "before " + subgraph.name(),
                List.of(),
                subgraph.inputs(),
                reference.nodes().stream().map(Node::name).collect(Collectors.toSet()));
        replace(run(before, before.cut(reference), fed), before, state, fed);
    }

    /** Steps over a subgraph that is already tuned, as {@link #tune} does at its end: the next one starts from the same bits. */
    void pass(Subgraph subgraph, State state) {
        leave(subgraph, state, run(subgraph, subgraph.cut(reference), floats));
    }

    /** The outputs of the subgraph become the inputs of the next one. */
    private void leave(Subgraph subgraph, State state, Activations targets) {
        replace(targets, subgraph, state, quantized);
    }

    /** Takes over a subgraph's float outputs, and computes its quantized ones from {@code inputs}. */
    private void replace(Activations nextFloats, Subgraph subgraph, State state, Activations inputs) {
        replace(
                nextFloats,
                sequential
                        ? run(subgraph, FakeQuantGraph.fixed(subgraph, state.model(), state.plan()), inputs)
                        : nextFloats);
    }

    private void replace(Activations nextFloats, Activations nextQuantized) {
        floats = nextFloats;
        quantized = nextQuantized;
        var needed = List.of(fed, floats, quantized);
        opened.stream().filter(activations -> !needed.contains(activations)).forEach(Activations::close);
        opened.retainAll(needed);
    }

    /** Runs all samples through a graph made from {@code subgraph}. */
    private Activations run(Subgraph subgraph, Graph graph, Activations inputs) {
        var outputs = open(axes);
        try (var session = Session.open(graph, provider, Session.Optimization.EXACT)) {
            for (int from = 0; from < fed.size(); from += size) {
                var samples =
                        IntStream.range(from, Math.min(from + size, fed.size())).toArray();
                session.run(inputs(subgraph, inputs, samples))
                        .forEach((name, tensor) -> outputs.append(name, tensor, samples.length));
            }
        }
        return outputs;
    }

    @Override
    public void close() {
        opened.forEach(Activations::close);
    }
}
