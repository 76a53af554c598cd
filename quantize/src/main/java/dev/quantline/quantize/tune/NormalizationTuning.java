package dev.quantline.quantize.tune;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.tune.BlockTuning.Split;
import dev.quantline.quantize.tune.BlockTuning.State;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Normalisation tuning (AdaQuant, arXiv 2006.10518) restores the mean and deviation that the output channels of every
 * convolution have in the float network. Where a BatchNormalization was folded away, this re-estimates its statistics on
 * the quantized network; taking the targets from the float network's outputs is ours, and also works where there never
 * was a BatchNormalization. One pass suffices: each layer is normalised by its batch before the next one sees it.
 *
 * <pre>
 *   f = sigma_float / sigma,  W' = f W,  s' = f s,  b' = f (b - mu) + mu_float
 * </pre>
 *
 * The scale of the weights changes by the same factor, so their codes stay the same.
 */
final class NormalizationTuning {
    /** Factors lie between this and its inverse. */
    private static final double LARGEST = 2;

    private static final float EPSILON = 1e-6f;

    private NormalizationTuning() {}

    /** A convolution with its own bias, and the names of its channels' moments. */
    private record Layer(Node node, QuantizationPlan.Weight weight) {
        String mean() {
            return node.output() + "/mean";
        }

        String deviation() {
            return node.output() + "/deviation";
        }
    }

    /** @return the same state if no convolution has one weight scale per channel and its own bias */
    static State apply(
            State state,
            Graph reference,
            Samples samples,
            Split split,
            int batch,
            Provider provider,
            Progress progress) {
        var layers = layers(state);
        if (layers.isEmpty()) {
            return state;
        }
        var wanted =
                moments(measured(reference, layers, Map.of()), samples, split, batch, provider, progress.part(0, 0.4));
        var simulated = FakeQuantGraph.fixed(Blocks.whole(reference), state.model(), state.plan());
        var seen = moments(measured(simulated, layers, wanted), samples, split, batch, provider, progress.part(0.4, 1));
        var tuned = new Tuned();
        for (var layer : layers) {
            correct(layer, state.model(), wanted, seen, tuned);
        }
        return tuned.applyTo(state, new SharedQuantizers(state.model(), state.plan()));
    }

    private static List<Layer> layers(State state) {
        var index = state.model().index();
        var layers = new ArrayList<Layer>();
        var computed = state.model().copy();
        computed.prune();
        for (var node : computed.nodes()) {
            var weight = state.plan()
                    .weightOf(node.name())
                    .filter(planned -> planned.quantizer().axis() != Uniform.PER_TENSOR
                            && planned.quantizer().block() == 0
                            && index.consumers(planned.tensor()).size() == 1);
            if (node.is("Conv")
                    && weight.isPresent()
                    && node.hasInput(2)
                    && index.constant(node.input(2)).isPresent()
                    && index.consumers(node.input(2)).size() == 1) {
                layers.add(new Layer(node, weight.get()));
            }
        }
        return layers;
    }

    /** A graph whose outputs are the moments of each layer's channels; readers of a layer see its {@code wanted} moments, if given. */
    private static Graph measured(Graph model, List<Layer> layers, Map<String, Tensor> wanted) {
        var graph = model.copy();
        graph.outputs().clear();
        for (var layer : layers) {
            // The name differs if the layer's quantizer was inserted before a model output.
            String output = graph.node(layer.node().name()).orElseThrow().output();
            String raw = wanted.isEmpty() ? output : graph.fresh(output + "/raw");
            graph.nodes()
                    .replaceAll(
                            node -> node.name().equals(layer.node().name()) ? node.withOutputs(List.of(raw)) : node);
            int rank = graph.initializers().get(layer.weight().tensor()).rank();
            String mean = mean(graph, raw, layer.mean(), rank);
            String centered = op(graph, "Sub", output + "/centered", raw, mean);
            String variance =
                    mean(graph, op(graph, "Mul", output + "/squared", centered, centered), output + "/variance", rank);
            String floored = op(
                    graph, "Add", output + "/floored", variance, graph.addConstant("epsilon", Tensor.scalar(EPSILON)));
            String deviation = op(graph, "Sqrt", layer.deviation(), floored);
            if (!wanted.isEmpty()) {
                String standard = op(graph, "Div", output + "/standard", centered, deviation);
                String scaled = op(
                        graph,
                        "Mul",
                        output + "/scaled",
                        standard,
                        graph.addConstant(output + "/wanted_deviation", wanted.get(layer.deviation())));
                graph.add(Node.of(
                        "Add",
                        List.of(scaled, graph.addConstant(output + "/wanted_mean", wanted.get(layer.mean()))),
                        output));
            }
            graph.outputs().add(ValueInfos.of(mean, DataType.FLOAT));
            graph.outputs().add(ValueInfos.of(deviation, DataType.FLOAT));
        }
        graph.sort();
        graph.prune();
        return graph;
    }

    /** Mean over samples and positions, of shape {@code [1, channels, 1..]}; axes became an input at opset 18. */
    private static String mean(Graph graph, String tensor, String name, int rank) {
        var axes = new long[rank - 1];
        for (int i = 1; i < axes.length; i++) {
            axes[i] = i + 1;
        }
        if (graph.opset() >= 18) {
            return op(graph, "ReduceMean", name, tensor, graph.addConstant("axes", Tensor.vector(axes)));
        }
        graph.add(Node.of("ReduceMean", List.of(tensor), name).with("axes", axes));
        return name;
    }

    private static String op(Graph graph, String op, String name, String... inputs) {
        graph.add(Node.of(op, List.of(inputs), name));
        return name;
    }

    /** Averages over batches. */
    private static Map<String, Tensor> moments(
            Graph graph, Samples samples, Split split, int batch, Provider provider, Progress progress) {
        var sums = new HashMap<String, float[]>();
        var shapes = new HashMap<String, long[]>();
        int size = samples.batchSize(batch);
        int whole = split.train() < size ? split.train() : split.train() / size * size;
        try (var session = Session.open(graph, provider, Session.Optimization.EXACT)) {
            samples.forEachBatch(0, whole, size, fed -> {
                session.run(fed.arrays()).forEach((name, tensor) -> {
                    var values = tensor.toFloats();
                    shapes.put(name, tensor.shape());
                    var sum = sums.computeIfAbsent(name, first -> new float[values.length]);
                    for (int c = 0; c < sum.length; c++) {
                        sum[c] += values[c] * fed.size() / whole;
                    }
                });
                progress.report((fed.first() + fed.size()) / (double) whole, "measuring channels of convolutions");
            });
        }
        var moments = new HashMap<String, Tensor>();
        sums.forEach((name, sum) -> moments.put(name, Tensor.of(sum, shapes.get(name))));
        return moments;
    }

    private static void correct(
            Layer layer, Graph model, Map<String, Tensor> wanted, Map<String, Tensor> seen, Tuned tuned) {
        var quantizer = layer.weight().quantizer();
        var scale = quantizer.scale().clone();
        var factor = new double[scale.length];
        var bias = model.initializers().get(layer.node().input(2)).toFloats();
        for (int c = 0; c < scale.length; c++) {
            double exact = wanted.get(layer.deviation()).get(c)
                    / seen.get(layer.deviation()).get(c);
            factor[c] = Math.clamp(exact, 1 / LARGEST, LARGEST);
            scale[c] *= (float) factor[c];
            bias[c] = (float) (factor[c] * (bias[c] - seen.get(layer.mean()).get(c))
                    + wanted.get(layer.mean()).get(c));
        }
        var weight = model.initializers().get(layer.weight().tensor());
        var channel = quantizer.scaleIndex(weight.shape());
        var values = weight.toFloats();
        for (int i = 0; i < values.length; i++) {
            values[i] = WeightSteps.held(quantizer, values[i] / quantizer.scale()[channel[i]], channel[i])
                    * scale[channel[i]];
        }
        tuned.constant(layer.weight().tensor(), Tensor.of(values, weight.shape()));
        tuned.constant(layer.node().input(2), Tensor.vector(bias));
        tuned.weight(layer.weight().node(), quantizer.withScale(scale));
    }
}
