package dev.quantline.onnx.rewrite;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.pattern.NormOutput;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Optional;

/**
 * Moves the spread between channels of an activation y into the layers that read it (RepQ-ViT, arXiv 2212.08254, for
 * LayerNorm; partial strength and other activations ours). With y~ = (y + shift) / ratio per channel, a reader computes the same from
 * {@code W~ = W diag(ratio)} and {@code b~ = b - W shift}. Other readers, a residual branch say, keep y.
 * Where y is the output of a norm nobody else reads, gamma and beta change and nothing is added; elsewhere y~ is computed
 * from y, so that runtimes still recognise and fuse what makes y.
 */
public final class ScaleMigration {
    private ScaleMigration() {}

    /** A reader of the norm's output: MatMul or Gemm with constant weights; {@code bias} holds its bias, if it has one. */
    private record Reader(Node node, boolean transposed, Optional<Bias> bias) {}

    private record Bias(String holder, int input) {}

    /** Whether a shift costs readers nothing: all have a constant bias to fold it into. Others get one, as in RepQ-ViT. */
    public static boolean shiftsFreely(Graph graph, List<Node> readers) {
        var index = graph.index();
        return readers.stream().allMatch(node -> reader(index, node).bias().isPresent());
    }

    /**
     * Rewrites.
     *
     * @param tensor  y, channels last
     * @param readers nodes to move the spread into, MatMul or Gemm with y as first input and constant weights
     * @param ratio   {@code [channels]}, above 0
     * @param shift   {@code [channels]}; where it is not 0, a reader without a constant bias gets an Add behind it
     * @return the rewritten graph and the name of y~
     */
    public static Result apply(Graph model, String tensor, List<Node> readers, float[] ratio, float[] shift) {
        var graph = model.copy();
        var index = graph.index();
        boolean alone = !index.isOutput(tensor) && readers.containsAll(index.consumers(tensor));
        var norm = NormOutput.of(index, tensor)
                .filter(found -> alone && !found.normalized().isEmpty());
        String migrated =
                norm.isPresent() ? changeNorm(graph, norm.get(), ratio, shift) : addAffine(graph, tensor, ratio, shift);
        boolean shifted = isAnywhere(shift);
        var changed = new HashMap<String, Node>();
        for (var node : readers) {
            var reader = reader(index, node);
            var weight = graph.initializers().get(node.input(1));
            String scaled = graph.addConstant(node.input(1) + "/migrated", scaled(weight, ratio, reader.transposed()));
            changed.put(
                    node.name(),
                    changed.getOrDefault(node.name(), node)
                            .withInput(0, migrated)
                            .withInput(1, scaled));
            reader.bias().ifPresent(bias -> {
                var holder = changed.getOrDefault(
                        bias.holder(), graph.node(bias.holder()).orElseThrow());
                var moved = moved(graph.initializers().get(holder.input(bias.input())), weight, shift, reader);
                changed.put(
                        holder.name(),
                        holder.withInput(
                                bias.input(), graph.addConstant(holder.input(bias.input()) + "/migrated", moved)));
            });
            if (reader.bias().isEmpty() && shifted) {
                var none = Tensor.zeros(DataType.FLOAT, weight.dim(reader.transposed() ? 0 : 1));
                String product = graph.fresh(node.output() + "/unshifted");
                changed.put(node.name(), changed.get(node.name()).withOutputs(List.of(product)));
                graph.nodes()
                        .add(Node.of(
                                "Add",
                                List.of(
                                        product,
                                        graph.addConstant(
                                                node.output() + "/shift", moved(none, weight, shift, reader))),
                                node.output()));
            }
        }
        graph.nodes().replaceAll(node -> changed.getOrDefault(node.name(), node));
        graph.sort();
        graph.prune();
        return new Result(graph, migrated);
    }

    /** The rewritten graph and the tensor its quantized readers now read. */
    public record Result(Graph graph, String migrated) {}

    private static String changeNorm(Graph graph, NormOutput norm, float[] ratio, float[] shift) {
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

    private static String addAffine(Graph graph, String tensor, float[] ratio, float[] shift) {
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

    private static Reader reader(GraphIndex index, Node node) {
        boolean transposed = node.is("Gemm") && node.intOf("transB", 0) == 1;
        int outputs = index.constant(node.input(1)).orElseThrow().dim(transposed ? 0 : 1);
        if (node.is("Gemm")) {
            boolean plain =
                    node.floatOf("alpha", 1) == 1 && node.floatOf("beta", 1) == 1 && node.intOf("transA", 0) == 0;
            return new Reader(
                    node,
                    transposed,
                    plain && isVector(index, node.input(2), outputs)
                            ? Optional.of(new Bias(node.name(), 2))
                            : Optional.empty());
        }
        var add = index.onlyConsumer(node.output()).filter(next -> next.is("Add"));
        var bias = add.flatMap(next -> {
            int i = next.input(0).equals(node.output()) ? 1 : 0;
            return isVector(index, next.input(i), outputs) ? Optional.of(new Bias(next.name(), i)) : Optional.empty();
        });
        return new Reader(node, false, bias);
    }

    private static boolean isVector(GraphIndex index, String tensor, int length) {
        return index.constant(tensor)
                .filter(constant -> constant.rank() == 1 && constant.dim(0) == length)
                .isPresent();
    }

    private static Tensor scaled(Tensor weight, float[] ratio, boolean transposed) {
        var w = weight.toFloats();
        int columns = weight.dim(1);
        for (int i = 0; i < w.length; i++) {
            w[i] *= ratio[transposed ? i % columns : i / columns];
        }
        return Tensor.of(w, weight.shape());
    }

    private static Tensor moved(Tensor bias, Tensor weight, float[] shift, Reader reader) {
        boolean transposed = reader.transposed();
        double alpha = reader.node().floatOf("alpha", 1);
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
