package dev.quantline.onnx.rewrite;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;

/**
 * Merges parallel branches that read the same tensor and meet in a sum into one convolution (RepVGG, as in the
 * preparation of networks by RepAPQ, arXiv 2402.16121): k x k and 1 x 1 convolutions, the identity, and the identity
 * followed by a BatchNormalization. Smaller kernels are centred in the largest; the identity is a kernel of ones on the
 * diagonal. Requires that BatchNormalization after convolutions is already folded.
 */
public record BranchMerging() implements Pass {
    @Override
    public String name() {
        return "branches merged";
    }

    /** Merges wherever all terms of a sum are such branches and at least one is a convolution that the others fit into. */
    @Override
    public Rewritten apply(Graph model) {
        var graph = model.copy();
        var index = graph.index();
        var merged = new HashMap<String, Node>();
        var inner = new HashSet<String>();
        var refused = new ArrayList<String>();
        for (var sum : graph.nodes().reversed()) {
            if (!sum.is("Add") || inner.contains(sum.name())) {
                continue;
            }
            var terms = new ArrayList<String>();
            var sums = new ArrayList<String>();
            collect(index, sum, terms, sums);
            if (terms.stream().noneMatch(term -> index.producer(term, "Conv").isPresent())) {
                continue;
            }
            var branches = terms.stream().map(term -> Branch.of(index, term)).toList();
            var reason = reason(branches);
            if (reason.isPresent()) {
                refused.add(sum.name() + ": " + reason.get());
            } else {
                merged.put(
                        sum.name(),
                        merge(
                                graph,
                                branches.stream().map(Optional::orElseThrow).toList(),
                                sum));
                inner.addAll(sums);
            }
        }
        graph.rewrite(node -> List.of(merged.getOrDefault(node.name(), node)));
        graph.prune();
        return new Rewritten(graph, this, merged.keySet().stream().sorted().toList(), refused);
    }

    private static void collect(GraphIndex index, Node sum, List<String> terms, List<String> sums) {
        for (String input : sum.inputs()) {
            var nested = index.producer(input, "Add")
                    .filter(add -> index.onlyConsumer(input).isPresent());
            if (nested.isPresent()) {
                sums.add(nested.get().name());
                collect(index, nested.get(), terms, sums);
            } else {
                terms.add(input);
            }
        }
    }

    private static Optional<String> reason(List<Optional<Branch>> terms) {
        if (terms.stream().anyMatch(Optional::isEmpty)) {
            return Optional.of("a term is neither a convolution that feeds only the sum nor an identity");
        }
        var branches = terms.stream().map(Optional::orElseThrow).toList();
        var convolutions =
                branches.stream().filter(branch -> branch.conv.isPresent()).toList();
        if (convolutions.isEmpty()) {
            return Optional.of("no term is a convolution with constant weights that feeds only the sum");
        }
        var first = largest(convolutions);
        for (var branch : branches) {
            boolean sameInput =
                    branch.input.equals(first.input) || branch.conv.isEmpty() && branch.output.equals(first.input);
            if (!sameInput) {
                return Optional.of("its terms read different tensors");
            }
            if (!branch.fits(first)) {
                return Optional.of("its terms differ in strides, groups, channels or alignment");
            }
        }
        return Optional.empty();
    }

    private static Branch largest(List<Branch> convolutions) {
        return convolutions.stream()
                .reduce((one, other) -> other.kernel()[0] > one.kernel()[0] ? other : one)
                .orElseThrow();
    }

    private static Node merge(Graph graph, List<Branch> branches, Node sum) {
        var largest = largest(
                branches.stream().filter(branch -> branch.conv.isPresent()).toList());
        var weight = largest.weight.orElseThrow();
        var w = new float[weight.size()];
        var b = new float[weight.dim(0)];
        branches.forEach(branch -> branch.addTo(w, b, weight.shape()));
        var conv = largest.conv.orElseThrow();
        return conv.withName(sum.name())
                .withOutputs(sum.outputs())
                .withInput(1, graph.addConstant(sum.name() + "/weight", Tensor.of(w, weight.shape())))
                .withInput(2, graph.addConstant(sum.name() + "/bias", Tensor.of(b, b.length)));
    }

    /**
     * One term of the sum.
     *
     * @param factor per-channel factor of an identity; empty for a convolution
     * @param shift  bias of a convolution, or per-channel summand of an identity
     */
    private record Branch(
            String input, String output, Optional<Node> conv, Optional<Tensor> weight, float[] factor, float[] shift) {
        static Optional<Branch> of(GraphIndex index, String term) {
            var conv = index.producer(term, "Conv");
            if (conv.isPresent() && index.onlyConsumer(term).isPresent()) {
                return convolution(index, conv.get());
            }
            var norm = index.producer(term, "BatchNormalization")
                    .filter(node -> index.onlyConsumer(term).isPresent());
            return norm.isPresent()
                    ? identity(index, norm.get())
                    : Optional.of(
                            new Branch(term, term, Optional.empty(), Optional.empty(), new float[0], new float[0]));
        }

        private static Optional<Branch> convolution(GraphIndex index, Node node) {
            var weight = index.constant(node.input(1)).filter(tensor -> tensor.type() == DataType.FLOAT);
            if (weight.isEmpty()
                    || node.hasInput(2) && !index.isConstant(node.input(2))
                    || !node.stringOf("auto_pad", "NOTSET").equals("NOTSET")) {
                return Optional.empty();
            }
            var bias = node.hasInput(2)
                    ? index.constant(node.input(2)).orElseThrow().toFloats()
                    : new float[weight.get().dim(0)];
            return Optional.of(new Branch(node.input(0), node.output(), Optional.of(node), weight, new float[0], bias));
        }

        private static Optional<Branch> identity(GraphIndex index, Node norm) {
            var values = norm.inputs().stream()
                    .skip(1)
                    .flatMap(name -> index.constant(name).stream())
                    .map(Tensor::toFloats)
                    .toList();
            if (values.size() < norm.inputs().size() - 1) {
                return Optional.empty();
            }
            var factor = new float[values.getFirst().length];
            var shift = new float[factor.length];
            for (int c = 0; c < factor.length; c++) {
                double f = values.get(0)[c] / Math.sqrt(values.get(3)[c] + norm.floatOf("epsilon", 1e-5f));
                factor[c] = (float) f;
                shift[c] = (float) (values.get(1)[c] - f * values.get(2)[c]);
            }
            return Optional.of(
                    new Branch(norm.input(0), norm.output(), Optional.empty(), Optional.empty(), factor, shift));
        }

        long[] kernel() {
            return Arrays.stream(weight.orElseThrow().shape()).skip(2).toArray();
        }

        private long[] list(String attribute, int length, long otherwise) {
            var missing = new long[length];
            Arrays.fill(missing, otherwise);
            return conv.orElseThrow().intsOf(attribute, missing);
        }

        /** Whether this term can be expressed by the kernel of the largest convolution. */
        boolean fits(Branch largest) {
            var kernel = largest.kernel();
            int axes = kernel.length;
            var strides = largest.list("strides", axes, 1);
            boolean plain = Arrays.stream(largest.list("dilations", axes, 1)).allMatch(dilation -> dilation == 1);
            var shape = largest.weight.orElseThrow().shape();
            long groups = largest.conv.orElseThrow().intOf("group", 1);
            if (conv.isEmpty()) {
                return plain
                        && Arrays.stream(strides).allMatch(stride -> stride == 1)
                        && shape[0] == shape[1] * groups
                        && (factor.length == 0 || factor.length == shape[0])
                        && isCentred(largest, new long[axes], new long[2 * axes]);
            }
            var mine = weight.orElseThrow().shape();
            return plain
                    && Arrays.equals(strides, list("strides", axes, 1))
                    && groups == conv.get().intOf("group", 1)
                    && mine.length == shape.length
                    && mine[0] == shape[0]
                    && mine[1] == shape[1]
                    && Arrays.stream(list("dilations", axes, 1)).allMatch(dilation -> dilation == 1)
                    && isCentred(
                            largest,
                            Arrays.stream(kernel()).map(size -> size - 1).toArray(),
                            list("pads", 2 * axes, 0));
        }

        /** Whether output positions are the same: the margins of the larger kernel are even and covered by its extra padding. */
        private static boolean isCentred(Branch largest, long[] reach, long[] pads) {
            var kernel = largest.kernel();
            var outer = largest.list("pads", 2 * kernel.length, 0);
            for (int i = 0; i < kernel.length; i++) {
                long margin = kernel[i] - 1 - reach[i];
                if (margin % 2 != 0
                        || outer[i] - pads[i] != margin / 2
                        || outer[i + kernel.length] - pads[i + kernel.length] != margin / 2) {
                    return false;
                }
            }
            return true;
        }

        void addTo(float[] w, float[] b, long[] shape) {
            for (int c = 0; c < shift.length; c++) {
                b[c] += shift[c];
            }
            int area = (int) Arrays.stream(shape).skip(2).reduce(1, Math::multiplyExact);
            int perGroup = (int) shape[1];
            if (conv.isEmpty()) {
                for (int c = 0; c < shape[0]; c++) {
                    w[(c * perGroup + c % perGroup) * area + area / 2] += factor.length == 0 ? 1 : factor[c];
                }
                return;
            }
            var values = weight.orElseThrow().toFloats();
            int small = values.length / (int) shape[0] / perGroup;
            for (int i = 0; i < values.length; i++) {
                w[i / small * area + centred(i % small, shape)] += values[i];
            }
        }

        /** The row-major position in the larger kernel of position {@code at} of this kernel. */
        private int centred(int at, long[] shape) {
            var kernel = kernel();
            int result = 0;
            int stride = 1;
            for (int i = kernel.length - 1; i >= 0; i--) {
                int position = at % (int) kernel[i] + (int) (shape[i + 2] - kernel[i]) / 2;
                result += position * stride;
                at /= (int) kernel[i];
                stride *= (int) shape[i + 2];
            }
            return result;
        }
    }
}
