package dev.quantline.onnx.rewrite;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Folds an inference BatchNormalization into the convolution before it: with f = gamma / sqrt(var + eps),
 * {@code W' = f W} per output channel and {@code b' = f (b - mean) + beta}.
 */
public record BatchNormFolding() implements Pass {
    @Override
    public String name() {
        return "batch normalisation folded";
    }

    /** Folds wherever the only reader of the convolution's output is its BatchNormalization. */
    @Override
    public Rewritten apply(Graph model) {
        var graph = model.copy();
        var index = graph.index();
        var folded = new ArrayList<String>();
        var refused = new ArrayList<String>();
        for (var norm : List.copyOf(graph.nodes())) {
            if (!norm.is("BatchNormalization")) {
                continue;
            }
            var conv = index.producer(norm.input(0), "Conv");
            boolean usable = conv.isPresent()
                    && index.onlyConsumer(conv.get().output()).isPresent()
                    && norm.intOf("training_mode", 0) == 0
                    && Stream.concat(
                                    conv.get().inputs().stream().skip(1),
                                    norm.inputs().stream().skip(1))
                            .filter(name -> !name.isEmpty())
                            .allMatch(name -> index.constant(name)
                                    .filter(constant -> constant.type() == DataType.FLOAT)
                                    .isPresent());
            if (!usable) {
                refused.add(norm.name()
                        + ": its input is not a convolution with constant float weights that feeds nothing else");
                continue;
            }
            graph.replace(fold(graph, conv.get(), norm));
            graph.nodes().remove(norm);
            folded.add(norm.name());
        }
        graph.prune();
        return new Rewritten(graph, this, folded, refused);
    }

    private static Node fold(Graph graph, Node conv, Node norm) {
        var constants = graph.initializers();
        var gamma = constants.get(norm.input(1)).toFloats();
        var beta = constants.get(norm.input(2)).toFloats();
        var mean = constants.get(norm.input(3)).toFloats();
        var variance = constants.get(norm.input(4)).toFloats();
        var weight = constants.get(conv.input(1));
        var w = weight.toFloats();
        var b = conv.hasInput(2) ? constants.get(conv.input(2)).toFloats() : new float[gamma.length];
        int row = w.length / gamma.length;
        for (int c = 0; c < gamma.length; c++) {
            double f = gamma[c] / Math.sqrt(variance[c] + norm.floatOf("epsilon", 1e-5f));
            for (int i = c * row; i < (c + 1) * row; i++) {
                w[i] = (float) (w[i] * f);
            }
            b[c] = (float) (f * (b[c] - mean[c]) + beta[c]);
        }
        String weights = graph.addConstant(conv.input(1) + "/folded", Tensor.of(w, weight.shape()));
        String bias = graph.addConstant(conv.name() + "/bias", Tensor.of(b, b.length));
        return conv.withInput(1, weights).withInput(2, bias).withOutputs(List.of(norm.output()));
    }
}
