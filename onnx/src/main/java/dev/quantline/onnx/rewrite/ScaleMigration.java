package dev.quantline.onnx.rewrite;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.pattern.Bias;
import dev.quantline.onnx.pattern.NormOutput;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Moves the spread between channels of an activation y into the layers that read it (RepQ-ViT, arXiv 2212.08254, for LayerNorm;
 * partial strength and other activations are ours). With y~ = (y + shift) / ratio per channel, a reader computes the same from
 * {@code W~ = W diag(ratio)} and {@code b~ = b - W shift}. Other readers, such as a residual branch, keep y. If y is the output of a
 * norm without other readers, gamma and beta change and nothing is added; otherwise y~ is computed from y, so that runtimes still
 * recognise and fuse the nodes that produce y.
 *
 * @param tensor  y, channels last
 * @param readers nodes to move the spread into: MatMul or Gemm with y as first input and constant weights
 * @param ratio   {@code [channels]}, positive
 * @param shift   {@code [channels]}; if it is not 0, a reader without a constant bias gets an Add after it
 */
public record ScaleMigration(String tensor, List<Node> readers, float[] ratio, float[] shift) implements Pass {
    public static final String NAME = "channel spread moved";

    @Override
    public String name() {
        return NAME;
    }

    /** Whether a shift is free: all readers have a constant bias to fold it into. Otherwise they get one, as in RepQ-ViT. */
    public static boolean shiftsFreely(Graph graph, List<Node> readers) {
        var index = graph.index();
        return readers.stream().allMatch(reader -> bias(index, reader).isPresent());
    }

    /** Makes the readers read y~ as their first input. */
    @Override
    public Rewritten apply(Graph model) {
        var graph = model.copy();
        var index = graph.index();
        boolean alone = !index.isOutput(tensor) && readers.containsAll(index.consumers(tensor));
        var norm = NormOutput.of(index, tensor)
                .filter(found -> alone && !found.normalized().isEmpty());
        String migrated = norm.isPresent() ? changeNorm(graph, norm.get()) : addAffine(graph);
        for (var node : readers) {
            var bias = bias(index, node);
            var weight = graph.initializers().get(node.input(1));
            var reader = graph.node(node.name())
                    .orElseThrow()
                    .withInput(0, migrated)
                    .withInput(1, graph.addConstant(node.input(1) + "/migrated", scaled(weight, node, ratio)));
            if (bias.isEmpty() && isAnywhere(shift)) {
                var none = Tensor.zeros(DataType.FLOAT, weight.dim(Operators.outputAxis(node)));
                String product = graph.fresh(node.output() + "/unshifted");
                reader = reader.withOutputs(List.of(product));
                String summand = graph.addConstant(node.output() + "/shift", moved(none, weight, node));
                graph.nodes().add(Node.of("Add", List.of(product, summand), node.output()));
            }
            graph.replace(reader);
            bias.ifPresent(found -> {
                var holder = graph.node(found.holder().name()).orElseThrow();
                var moved = moved(graph.initializers().get(holder.input(found.input())), weight, node);
                graph.replace(holder.withInput(
                        found.input(), graph.addConstant(holder.input(found.input()) + "/migrated", moved)));
            });
        }
        graph.sort();
        graph.prune();
        return new Rewritten(graph, this, List.of(tensor), List.of());
    }

    private String changeNorm(Graph graph, NormOutput norm) {
        var gamma = norm.gamma().clone();
        var beta = norm.beta().clone();
        for (int c = 0; c < gamma.length; c++) {
            gamma[c] /= ratio[c];
            beta[c] = (beta[c] + shift[c]) / ratio[c];
        }
        String migrated = graph.fresh(norm.tensor() + "/migrated");
        if (norm.operator().isEmpty()) {
            return affine(graph, norm.normalized(), gamma, beta, migrated);
        }
        var node = norm.operator().get();
        graph.nodes()
                .add(node.withName(graph.fresh(node.name() + "/migrated"))
                        .withOutputs(List.of(migrated))
                        .withInputs(List.of(
                                norm.normalized(),
                                graph.addConstant(norm.tensor() + "/gamma", Tensor.vector(gamma)),
                                graph.addConstant(norm.tensor() + "/beta", Tensor.vector(beta)))));
        return migrated;
    }

    private String addAffine(Graph graph) {
        var factor = new float[ratio.length];
        var summand = new float[ratio.length];
        for (int c = 0; c < ratio.length; c++) {
            factor[c] = 1 / ratio[c];
            summand[c] = shift[c] / ratio[c];
        }
        return affine(graph, tensor, factor, summand, graph.fresh(tensor + "/migrated"));
    }

    private static String affine(Graph graph, String tensor, float[] factor, float[] summand, String output) {
        boolean shifted = isAnywhere(summand);
        String scaled = shifted ? graph.fresh(output + "/scaled") : output;
        graph.nodes()
                .add(Node.of(
                        "Mul", List.of(tensor, graph.addConstant(output + "/factor", Tensor.vector(factor))), scaled));
        if (shifted) {
            graph.nodes()
                    .add(Node.of(
                            "Add",
                            List.of(scaled, graph.addConstant(output + "/summand", Tensor.vector(summand))),
                            output));
        }
        return output;
    }

    private static boolean isAnywhere(float[] shift) {
        return !Arrays.equals(shift, new float[shift.length]);
    }

    /** The bias into which a reader's shift can be folded. */
    private static Optional<Bias> bias(GraphIndex index, Node reader) {
        boolean plain =
                reader.floatOf("alpha", 1) == 1 && reader.floatOf("beta", 1) == 1 && reader.intOf("transA", 0) == 0;
        int outputs = index.constant(reader.input(1)).orElseThrow().dim(Operators.outputAxis(reader));
        return Bias.of(index, reader).filter(found -> plain && found.value().dim(0) == outputs);
    }

    /** The weight that replaces {@code weight}, the second input of a reader, to multiply y~. */
    public static Tensor scaled(Tensor weight, Node reader, float[] ratio) {
        boolean transposed = Operators.outputAxis(reader) == 0;
        var w = weight.toFloats();
        int columns = weight.dim(1);
        for (int i = 0; i < w.length; i++) {
            w[i] *= ratio[transposed ? i % columns : i / columns];
        }
        return Tensor.of(w, weight.shape());
    }

    private Tensor moved(Tensor bias, Tensor weight, Node reader) {
        boolean transposed = Operators.outputAxis(reader) == 0;
        double alpha = reader.floatOf("alpha", 1);
        var w = weight.toFloats();
        int columns = weight.dim(1);
        var sum = new double[bias.size()];
        for (int i = 0; i < w.length; i++) {
            int in = transposed ? i % columns : i / columns;
            sum[transposed ? i / columns : i % columns] += alpha * w[i] * shift[in];
        }
        var b = bias.toFloats();
        for (int o = 0; o < b.length; o++) {
            b[o] -= (float) sum[o];
        }
        return Tensor.of(b, bias.shape());
    }
}
