package dev.quantline.quantize.tune;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.pattern.Bias;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.plan.FakeQuantizedWeights;
import dev.quantline.quantize.plan.QdqWriter;
import dev.quantline.quantize.plan.QuantizationPlan;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Bias correction: {@code b += E[y_fp - y_q]} per output channel on the calibration set (AdaQuant, arXiv 2006.10518,
 * names it as a baseline; this parallel form is ours). Every layer with a constant bias gets a quantized twin that
 * reads the same float input, and the mean difference of the two outputs is added to the bias: one pass corrects all
 * layers.
 */
final class BiasCorrection {
    /** Bytes of weights that twins may hold at once. */
    private static final long LARGEST = 128L << 20;

    private final Graph model;
    private final Graph rounded;
    private final QuantizationPlan plan;
    private final Samples samples;
    private final int from;
    private final int to;

    private BiasCorrection(Graph model, Graph rounded, QuantizationPlan plan, Samples samples, int from, int to) {
        this.model = model;
        this.rounded = rounded;
        this.plan = plan;
        this.samples = samples;
        this.from = from;
        this.to = to;
    }

    private record Layer(Node node, Bias bias) {}

    /**
     * @param model   the float model, the reference for the outputs
     * @param rounded the same model with the weights that the plan is to round
     * @param from first calibration sample used
     * @param to   end of the samples used, exclusive
     * @return the model with corrected biases; {@code rounded} itself if there is nothing to correct
     */
    static Graph apply(
            Graph model,
            Graph rounded,
            QuantizationPlan plan,
            Samples samples,
            int from,
            int to,
            int batch,
            Provider provider,
            Progress progress) {
        return new BiasCorrection(model, rounded, plan, samples, from, to).correct(LARGEST, batch, provider, progress);
    }

    /** @param largest bytes of weights that twins may hold at once; a single layer may exceed it */
    static Graph apply(
            Graph model, Graph rounded, QuantizationPlan plan, Samples samples, long largest, Progress progress) {
        return new BiasCorrection(model, rounded, plan, samples, 0, samples.size())
                .correct(largest, 1, Provider.cpu(), progress);
    }

    private Graph correct(long largest, int batch, Provider provider, Progress progress) {
        var corrected = rounded.copy();
        var groups = groups(layers(model, plan), largest);
        for (int i = 0; i < groups.size(); i++) {
            if (!correct(
                    corrected,
                    groups.get(i),
                    batch,
                    provider,
                    progress.part((double) i / groups.size(), (i + 1.0) / groups.size()))) {
                return rounded;
            }
        }
        return groups.isEmpty() ? rounded : corrected;
    }

    private List<List<Layer>> groups(List<Layer> layers, long largest) {
        var groups = new ArrayList<List<Layer>>();
        long bytes = Long.MAX_VALUE;
        for (var layer : layers) {
            long own = rounded.initializers()
                    .get(plan.weightOf(layer.node().name()).orElseThrow().tensor())
                    .data()
                    .capacity();
            if (bytes > largest - own) {
                groups.add(new ArrayList<>());
                bytes = 0;
            }
            groups.getLast().add(layer);
            bytes += own;
        }
        return groups;
    }

    /** Corrects some layers; false if the samples do not fill one batch. */
    private boolean correct(Graph corrected, List<Layer> layers, int batch, Provider provider, Progress progress) {
        var twins = model.copy();
        twins.outputs().clear();
        var differences = new LinkedHashMap<String, Layer>();
        var weights = new ArrayList<QuantizationPlan.Weight>();
        var activations = new ArrayList<QuantizationPlan.Activation>();
        for (var layer : layers) {
            String twin = twins.fresh(layer.node().name() + "/twin");
            differences.put(addTwin(twins, layer, twin), layer);
            var weight = plan.weightOf(layer.node().name()).orElseThrow();
            weights.add(new QuantizationPlan.Weight(weight.tensor(), twin, weight.input(), weight.quantizer()));
            String read = layer.node().input(1 - weight.input());
            plan.activationOf(read, layer.node().name())
                    .ifPresent(quantizer ->
                            activations.add(new QuantizationPlan.Activation(read, Set.of(twin), quantizer, "")));
        }
        QdqWriter.write(
                twins, new QuantizationPlan(activations, weights), new FakeQuantizedWeights(rounded.initializers()));
        twins.sort();
        twins.prune();
        var sums = new LinkedHashMap<String, double[]>();
        var seen = new int[1];
        try (var session = Session.open(twins, provider, Session.Optimization.EXACT)) {
            samples.forEachBatch(from, to, samples.unpadded(batch), fed -> {
                session.run(fed.arrays()).forEach((name, mean) -> {
                    var sum = sums.computeIfAbsent(name, first -> new double[mean.size()]);
                    for (int c = 0; c < sum.length; c++) {
                        sum[c] += mean.get(c) * fed.size();
                    }
                });
                seen[0] += fed.size();
                progress.report((double) (fed.first() + fed.size() - from) / (to - from), "correcting biases");
            });
        }
        differences.forEach((name, layer) -> {
            if (seen[0] > 0) {
                correct(corrected, layer, sums.get(name), seen[0]);
            }
        });
        return seen[0] > 0;
    }

    private static List<Layer> layers(Graph model, QuantizationPlan plan) {
        var index = model.index();
        var layers = new ArrayList<Layer>();
        for (var node : model.nodes()) {
            var weight = plan.weightOf(node.name());
            if (weight.isEmpty() || node.floatOf("beta", 1) != 1) {
                continue;
            }
            boolean product = node.is("MatMul");
            int channels = product && weight.get().input() == 1
                    ? index.constant(weight.get().tensor()).orElseThrow().dim(-1)
                    : 0;
            Bias.of(index, node)
                    .filter(bias -> !product || bias.value().dim(0) == channels)
                    .ifPresent(bias -> layers.add(new Layer(node, bias)));
        }
        return layers;
    }

    /** Adds a twin of a layer, to be quantized, and returns the name of the mean difference of the two per channel. */
    private static String addTwin(Graph graph, Layer layer, String name) {
        var node = layer.node();
        var twin = node.withName(name).withOutputs(List.of(graph.fresh(node.output() + "/twin")));
        graph.add(twin);
        String difference = graph.fresh(node.output() + "/difference");
        String mean = graph.fresh(node.output() + "/mean_difference");
        graph.add(Node.of("Sub", List.of(node.output(), twin.output()), difference));
        graph.add(meanPerChannel(graph, difference, layer, mean));
        graph.outputs().add(ValueInfos.of(mean, DataType.FLOAT));
        return mean;
    }

    /** A layer with the channels last is flattened to {@code [positions, channels]} first; otherwise channels are on axis 1. */
    private static Node meanPerChannel(Graph graph, String tensor, Layer layer, String mean) {
        if (layer.node().is("Conv")) {
            int rank = graph.initializers().get(layer.node().input(1)).rank();
            return mean(
                    graph,
                    tensor,
                    mean,
                    IntStream.range(0, rank)
                            .filter(axis -> axis != 1)
                            .asLongStream()
                            .toArray());
        }
        String flat = graph.fresh(tensor + "/flat");
        graph.add(Node.of(
                "Reshape",
                List.of(
                        tensor,
                        graph.addConstant(
                                tensor + "/shape",
                                Tensor.vector(
                                        -1L,
                                        graph.initializers()
                                                .get(layer.bias().tensor())
                                                .dim(0)))),
                flat));
        return mean(graph, flat, mean, 0);
    }

    /** Since opset 18, axes are an input of ReduceMean. */
    private static Node mean(Graph graph, String tensor, String mean, long... axes) {
        var node = graph.opset() < 18
                ? Node.of("ReduceMean", List.of(tensor), mean).with("axes", axes)
                : Node.of(
                        "ReduceMean", List.of(tensor, graph.addConstant(tensor + "/axes", Tensor.vector(axes))), mean);
        return node.with("keepdims", 0L);
    }

    private static void correct(Graph model, Layer layer, double[] sum, int seen) {
        var bias = model.initializers().get(layer.bias().tensor());
        var values = bias.toFloats();
        for (int c = 0; c < values.length; c++) {
            values[c] += (float) (sum[c] / seen);
        }
        String corrected = model.addConstant(layer.bias().tensor() + "/corrected", Tensor.of(values, bias.shape()));
        var holder = model.node(layer.bias().holder().name()).orElseThrow();
        model.replace(holder.withInput(layer.bias().input(), corrected));
    }
}
