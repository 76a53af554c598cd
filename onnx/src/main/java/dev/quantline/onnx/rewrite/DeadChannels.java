package dev.quantline.onnx.rewrite;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.pattern.ConvPair;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Removes channels between two convolutions that carry nothing: either all weights that write them are 0, or all weights that
 * read them. A channel that contains only its bias is merged into the next bias; left in place, it would need its own scale.
 */
public record DeadChannels() implements Pass {
    @Override
    public String name() {
        return "dead channels removed";
    }

    /** Removes such channels, leaving every layer at least one. */
    @Override
    public Rewritten apply(Graph model) {
        var graph = model.copy();
        var applied = new ArrayList<String>();
        var refused = new ArrayList<String>();
        var seconds = graph.nodes().stream()
                .filter(node -> node.is("Conv"))
                .map(Node::name)
                .toList();
        for (String name : seconds) {
            var pair = ConvPair.endingAt(graph.index(), graph.node(name).orElseThrow())
                    .pair();
            if (pair.isEmpty()) {
                continue;
            }
            var kept = alive(graph, pair.get());
            int channels = graph.initializers().get(pair.get().first().input(1)).dim(0);
            if (kept.length == channels) {
                continue;
            }
            String reason = reason(graph, pair.get(), kept);
            if (reason.isEmpty()) {
                remove(graph, pair.get(), kept);
                applied.add(name);
            } else {
                refused.add(name + ": " + (channels - kept.length) + " dead channels, but " + reason);
            }
        }
        graph.prune();
        return new Rewritten(graph, this, applied, refused);
    }

    private static int[] alive(Graph graph, ConvPair pair) {
        var writes = graph.initializers().get(pair.first().input(1));
        var reads = graph.initializers().get(pair.second().input(1));
        var written = new boolean[writes.dim(0)];
        var read = new boolean[reads.dim(1)];
        var w = writes.toFloats();
        for (int i = 0; i < w.length; i++) {
            written[i / (w.length / written.length)] |= w[i] != 0;
        }
        var r = reads.toFloats();
        int kernel = r.length / reads.dim(0) / read.length;
        for (int i = 0; i < r.length; i++) {
            read[i / kernel % read.length] |= r[i] != 0;
        }
        boolean grouped = pair.second().intOf("group", 1) > 1;
        return IntStream.range(0, written.length)
                .filter(c -> written[c] && (grouped || read[c]))
                .toArray();
    }

    private static String reason(Graph graph, ConvPair pair, int[] kept) {
        if (pair.first().intOf("group", 1) > 1 || pair.second().intOf("group", 1) > 1) {
            return "one of the two convolutions is grouped";
        }
        if (kept.length == 0) {
            return "no channel would be left";
        }
        boolean padded =
                Arrays.stream(pair.second().intsOf("pads", new long[0])).anyMatch(pad -> pad > 0)
                        || !pair.second().stringOf("auto_pad", "NOTSET").equals("NOTSET");
        var constants = constants(graph, pair);
        boolean shifts = IntStream.range(0, constants.length)
                .anyMatch(c -> Arrays.binarySearch(kept, c) < 0 && constants[c] != 0);
        if (padded && shifts) {
            return "the bias of one of them is not 0, and the next convolution is padded";
        }
        return pair.second().hasInput(2)
                        && !graph.initializers().containsKey(pair.second().input(2))
                ? "the next bias is not a constant"
                : "";
    }

    /** The value of a channel without weights: its bias after the activation. */
    private static double[] constants(Graph graph, ConvPair pair) {
        var first = pair.first();
        int channels = graph.initializers().get(first.input(1)).dim(0);
        var bias = first.hasInput(2) ? graph.initializers().get(first.input(2)).toFloats() : new float[channels];
        double slope = pair.between()
                .map(node -> node.is("Relu") ? 0.0 : (double) node.floatOf("alpha", 0.01f))
                .orElse(1.0);
        return IntStream.range(0, channels)
                .mapToDouble(c -> bias[c] < 0 ? slope * bias[c] : bias[c])
                .toArray();
    }

    private static void remove(Graph graph, ConvPair pair, int[] kept) {
        var first = pair.first();
        var second = pair.second();
        var reads = graph.initializers().get(second.input(1));
        int outputs = reads.dim(0);
        int inputs = reads.dim(1);
        int kernel = reads.size() / outputs / inputs;
        var constants = constants(graph, pair);
        var r = reads.toFloats();
        var bias =
                second.hasInput(2) ? graph.initializers().get(second.input(2)).toFloats() : new float[outputs];
        for (int i = 0; i < r.length; i++) {
            int c = i / kernel % inputs;
            bias[i / kernel / inputs] += Arrays.binarySearch(kept, c) < 0 ? (float) (constants[c] * r[i]) : 0;
        }
        graph.replace(
                first.hasInput(2)
                        ? alive(graph, alive(graph, first, 1, 0, kept), 2, 0, kept)
                        : alive(graph, first, 1, 0, kept));
        graph.replace(alive(graph, second, 1, 1, kept)
                .withInput(2, graph.addConstant(second.name() + "/bias", Tensor.of(bias, outputs))));
    }

    /** The node with only these channels of a constant. */
    private static Node alive(Graph graph, Node node, int input, int axis, int[] kept) {
        var constant = graph.initializers().get(node.input(input));
        return node.withInput(input, graph.addConstant(node.input(input) + "/alive", chosen(constant, axis, kept)));
    }

    /** The tensor with only these indices along axis 0 or 1. */
    private static Tensor chosen(Tensor tensor, int axis, int[] kept) {
        var shape = tensor.shape();
        int inner = (int) Arrays.stream(shape).skip(axis + 1).reduce(1, Math::multiplyExact);
        int size = (int) shape[axis];
        shape[axis] = kept.length;
        var all = tensor.toFloats();
        var values = new float[(int) Tensor.count(shape)];
        for (int i = 0; i < values.length; i++) {
            int outer = i / inner / kept.length;
            values[i] = all[(outer * size + kept[i / inner % kept.length]) * inner + i % inner];
        }
        return Tensor.of(values, shape);
    }
}
