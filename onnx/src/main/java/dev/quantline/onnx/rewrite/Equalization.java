package dev.quantline.onnx.rewrite;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.pattern.ConvPair;
import java.util.ArrayList;

/**
 * Cross-layer equalisation (arXiv 1906.04721) of two consecutive convolutions with a Relu, a LeakyRelu or nothing between
 * them: channel i between them is divided by {@code s_i = sqrt(r1_i r2_i) / r2_i}, where r1 and r2 are the largest weights
 * that write and read it, so that both sides use the same range. Positive scaling passes through the activation.
 */
public record Equalization() implements Pass {
    private static final int ROUNDS = 3;

    @Override
    public String name() {
        return "layers equalised";
    }

    /** Equalises every pair whose intermediate tensors have no other readers. */
    @Override
    public Rewritten apply(Graph model) {
        var graph = model.copy();
        var index = graph.index();
        var pairs = new ArrayList<ConvPair>();
        var refused = new ArrayList<String>();
        for (var second : graph.nodes()) {
            if (!second.is("Conv")) {
                continue;
            }
            var found = ConvPair.endingAt(index, second);
            long groups = second.intOf("group", 1);
            boolean depthwise = groups > 1
                    && index.constant(second.input(1))
                            .filter(w -> w.dim(1) == 1 && w.dim(0) == groups)
                            .isPresent();
            if (found.pair().isPresent() && (groups == 1 || depthwise)) {
                pairs.add(found.pair().get());
            } else {
                refused.add(second.name() + ": "
                        + (found.pair().isPresent() ? "it is grouped but not depthwise" : found.reason()));
            }
        }
        for (int round = 0; round < ROUNDS; round++) {
            pairs.forEach(pair -> equalize(graph, pair));
        }
        graph.prune();
        return new Rewritten(
                graph, this, pairs.stream().map(pair -> pair.second().name()).toList(), refused);
    }

    /** W2 is [out, channels, k, k], or [channels, 1, k, k] if depthwise: element / kernel % channels is the channel in both cases. */
    private static void equalize(Graph graph, ConvPair pair) {
        var first = graph.node(pair.first().name()).orElseThrow();
        var second = graph.node(pair.second().name()).orElseThrow();
        var constants = graph.initializers();
        var one = constants.get(first.input(1));
        var two = constants.get(second.input(1));
        int channels = one.dim(0);
        var w1 = one.toFloats();
        var w2 = two.toFloats();
        int row = w1.length / channels;
        int kernel = w2.length / two.dim(0) / two.dim(1);
        var writes = new double[channels];
        var reads = new double[channels];
        for (int i = 0; i < w1.length; i++) {
            writes[i / row] = Math.max(writes[i / row], Math.abs(w1[i]));
        }
        for (int i = 0; i < w2.length; i++) {
            int c = i / kernel % channels;
            reads[c] = Math.max(reads[c], Math.abs(w2[i]));
        }
        var s = new float[channels];
        for (int c = 0; c < channels; c++) {
            double ratio = Math.sqrt(writes[c] / reads[c]);
            s[c] = ratio > 1e-3 && ratio < 1e3 ? (float) ratio : 1;
        }
        for (int i = 0; i < w1.length; i++) {
            w1[i] /= s[i / row];
        }
        for (int i = 0; i < w2.length; i++) {
            w2[i] *= s[i / kernel % channels];
        }
        var changed =
                first.withInput(1, graph.addConstant(pair.first().input(1) + "/equalized", Tensor.of(w1, one.shape())));
        if (first.hasInput(2)) {
            var b = constants.get(first.input(2)).toFloats();
            for (int c = 0; c < channels; c++) {
                b[c] /= s[c];
            }
            changed = changed.withInput(
                    2, graph.addConstant(pair.first().input(2) + "/equalized", Tensor.of(b, channels)));
        }
        graph.replace(changed);
        graph.replace(second.withInput(
                1, graph.addConstant(pair.second().input(1) + "/equalized", Tensor.of(w2, two.shape()))));
    }
}
