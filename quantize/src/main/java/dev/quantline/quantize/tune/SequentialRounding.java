package dev.quantline.quantize.tune;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.linear.InputGram;
import dev.quantline.quantize.linear.LayerWeight;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Quantizer;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.tune.BlockTuning.State;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/**
 * Rounds the weights of a subgraph layer by layer with {@link Gptq}: each on inputs from the layers already rounded, and towards
 * its output in the float network ({@link LeastSquares}). So it also compensates for the errors of the preceding layers,
 * including those of quantized activations.
 */
final class SequentialRounding {
    private static final String FLOAT = "/float";

    private final Subgraph subgraph;
    private final Graph reference;
    private final Graph model;
    private final QuantizationPlan plan;
    private final Map<String, Uniform> quantizers = new LinkedHashMap<>();
    private final Provider provider;

    /**
     * @param reference the float model, the reference for the outputs
     * @param state     the result of the preceding subgraphs
     */
    SequentialRounding(Subgraph subgraph, Graph reference, State state, Provider provider) {
        this.subgraph = subgraph;
        this.reference = reference;
        model = state.model().copy();
        plan = state.plan();
        this.provider = provider;
    }

    /**
     * Samples to round on.
     *
     * @param batches   batches of samples of equal shape
     * @param floats    a batch of the subgraph's inputs in the float network, model inputs included
     * @param quantized the same in the network whose earlier subgraphs are quantized
     */
    record Inputs(
            List<int[]> batches,
            Function<int[], Map<String, Tensor>> floats,
            Function<int[], Map<String, Tensor>> quantized) {}

    /** A tensor that layers read, and its quantizer, if any. */
    private record Read(String tensor, Optional<Quantizer> quantizer) {}

    /** The rounded weights and their quantizers; shared weights and those of layers with too many inputs are not among them. */
    Tuned apply(Inputs inputs, Progress progress) {
        var waves = waves();
        int done = 0;
        for (var wave : waves.entrySet()) {
            progress.report(
                    (double) done++ / waves.size(),
                    "rounding " + wave.getValue().getFirst().name());
            round(wave.getKey(), wave.getValue(), inputs);
        }
        var rounded = new Tuned();
        quantizers.forEach((node, quantizer) -> {
            var weight = plan.weightOf(node).orElseThrow().tensor();
            rounded.constant(weight, model.initializers().get(weight));
            rounded.weight(node, quantizer);
        });
        return rounded;
    }

    /** Layers in the order of the data flow; layers that read the same tensor are rounded together. */
    private Map<Read, List<Node>> waves() {
        var index = model.index();
        var waves = new LinkedHashMap<Read, List<Node>>();
        for (var node : model.nodes()) {
            boolean own = subgraph.nodes().contains(node.name())
                    && plan.weightOf(node.name())
                            .filter(weight -> Gptq.takes(weight, index))
                            .isPresent();
            if (own
                    && LayerWeight.of(model, node)
                            .filter(layer -> layer.inputs() <= InputGram.WIDEST)
                            .isPresent()) {
                var read = new Read(node.input(0), plan.activationOf(node.input(0), node.name()));
                waves.computeIfAbsent(read, first -> new ArrayList<>()).add(node);
            }
        }
        return waves;
    }

    private void round(Read read, List<Node> layers, Inputs inputs) {
        var until = new Subgraph(subgraph.name(), subgraph.inputs(), List.of(read.tensor()), subgraph.nodes());
        var graph = FakeQuantGraph.fixed(until, model, plan.withWeights(quantizers));
        graph.outputs().clear();
        if (graph.nodes().isEmpty() && subgraph.inputs().isEmpty()) {
            graph.inputs().add(ValueInfos.of(read.tensor(), DataType.FLOAT));
        }
        var products = products(graph, read, layers);
        try {
            graph.sort();
            graph.prune();
            int channels = layers.getFirst().is("Conv") ? 1 : -1;
            long rows = sum(until.cut(reference), graph, read.tensor(), channels, products, inputs);
            products.forEach(shared -> round(shared, rows));
        } finally {
            products.forEach(PairedProducts::close);
        }
    }

    private void round(PairedProducts products, long rows) {
        var layers = products.layers();
        var weights = layers.stream()
                .map(node -> LayerWeight.of(model, node).orElseThrow())
                .toList();
        double scarcity = (double) weights.getFirst().inputs() / rows;
        var aims = products.aims(weights, scarcity);
        for (int i = 0; i < layers.size(); i++) {
            String node = layers.get(i).name();
            var weight = plan.weightOf(node).orElseThrow();
            var rounded = Gptq.withScales(aims.get(i), weight.quantizer(), products.own(), scarcity);
            model.initializers().put(weight.tensor(), rounded.values());
            quantizers.put(node, rounded.quantizer());
        }
    }

    /** Convolutions of one tensor may see different patches of it; matrix products all see the same rows. */
    private Collection<PairedProducts> products(Graph graph, Read read, List<Node> layers) {
        String exact = read.tensor() + FLOAT;
        graph.inputs().add(ValueInfos.of(exact, DataType.FLOAT));
        String restored = read.quantizer()
                .map(quantizer -> {
                    String name = graph.fresh(read.tensor() + "/restored");
                    quantizer.write(graph, read.tensor(), read.tensor(), name);
                    return name;
                })
                .orElse(read.tensor());
        var products = new LinkedHashMap<String, PairedProducts>();
        for (var node : layers) {
            var layer = LayerWeight.of(model, node).orElseThrow();
            products.computeIfAbsent(
                            InputGram.key(layer, node),
                            first -> new PairedProducts(graph, node, layer, exact, restored))
                    .addLayer(node);
        }
        return products.values();
    }

    /**
     * Adds up the products over all samples.
     *
     * @param channels channel axis of the tensor
     * @return the number of tokens or pixels that they sum over
     */
    private long sum(
            Graph floats,
            Graph quantized,
            String tensor,
            int channels,
            Collection<PairedProducts> products,
            Inputs inputs) {
        long rows = 0;
        boolean given = floats.nodes().isEmpty();
        try (var memory = Arena.ofShared();
                var first = given ? null : Session.open(floats, provider, Session.Optimization.EXACT);
                var second = Session.open(quantized, provider, Session.Optimization.EXACT)) {
            var results = new LinkedHashMap<String, Tensor>();
            products.forEach(shared -> results.putAll(shared.results(memory)));
            for (int[] samples : inputs.batches()) {
                var exact = inputs.floats().apply(samples);
                var fed = needed(quantized, inputs.quantized().apply(samples));
                var read = given
                        ? exact.get(tensor)
                        : first.run(needed(floats, exact)).get(tensor);
                rows += read.size() / read.dim(channels);
                fed.put(tensor + FLOAT, read);
                second.runInto(fed, results);
                products.forEach(shared -> shared.add(results));
            }
        }
        return rows;
    }

    private static Map<String, Tensor> needed(Graph graph, Map<String, Tensor> all) {
        var needed = new LinkedHashMap<String, Tensor>();
        graph.inputs().stream()
                .map(input -> input.getName())
                .filter(all::containsKey)
                .forEach(name -> needed.put(name, all.get(name)));
        return needed;
    }
}
