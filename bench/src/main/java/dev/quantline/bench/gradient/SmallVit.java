package dev.quantline.bench.gradient;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * A small vision transformer with random weights, as an exporter would write it: patches of 4 x 4 pixels, learned positions,
 * pre-norm layers with GELU, the mean of all tokens into a linear head. Images {@code [batch, 3, 32, 32]}, logits
 * {@code [batch, 10]}.
 */
final class SmallVit {
    private static final int PATCH = 4;
    private static final int TOKENS = (32 / PATCH) * (32 / PATCH);
    private static final int HEADS = 4;

    private final Graph graph = Graph.empty(20);
    private final Random random;
    private final int width;

    private SmallVit(int width, long seed) {
        this.width = width;
        this.random = new Random(seed);
    }

    static Graph of(int layers, int width, long seed) {
        return new SmallVit(width, seed).build(layers);
    }

    private Graph build(int layers) {
        graph.inputs().add(ValueInfos.of("image", DataType.FLOAT, -1, 3, 32, 32));
        String patches = op(
                "patches",
                "Conv",
                Map.of("strides", new long[] {PATCH, PATCH}),
                "image",
                normal("patches.weight", 1 / Math.sqrt(3 * PATCH * PATCH), width, 3, PATCH, PATCH),
                constant("patches.bias", 0, width));
        String x = op(
                "tokens",
                "Transpose",
                Map.of("perm", new long[] {0, 2, 1}),
                op("flat", "Reshape", Map.of(), patches, sizes("flat.shape", 0, width, TOKENS)));
        x = op("embedded", "Add", Map.of(), x, normal("positions", 0.02, 1, TOKENS, width));
        for (int i = 0; i < layers; i++) {
            x = layer("layers." + i + ".", x);
        }
        String mean = op("mean", "ReduceMean", Map.of("keepdims", 0), norm("norm", x), sizes("mean.axes", 1));
        op("logits", "Gemm", Map.of(), mean, normal("head.weight", 0.02, width, 10), constant("head.bias", 0, 10));
        graph.outputs().add(ValueInfos.of("logits", DataType.FLOAT, -1, 10));
        return graph;
    }

    private String layer(String name, String x) {
        String normed = norm(name + "norm1", x);
        String query = heads(name + "query", normed, 0, 2, 1, 3);
        String key = heads(name + "key", normed, 0, 2, 3, 1);
        String value = heads(name + "value", normed, 0, 2, 1, 3);
        String scores = op(
                name + "scores",
                "Mul",
                Map.of(),
                op(name + "product", "MatMul", Map.of(), query, key),
                constant(name + "scale", 1 / Math.sqrt(width / HEADS)));
        String mixed = op(
                name + "mixed",
                "MatMul",
                Map.of(),
                op(name + "attention", "Softmax", Map.of("axis", -1), scores),
                value);
        String joined = op(
                name + "joined",
                "Reshape",
                Map.of(),
                op(name + "rows", "Transpose", Map.of("perm", new long[] {0, 2, 1, 3}), mixed),
                sizes(name + "joined.shape", 0, TOKENS, width));
        String attended = op(name + "residual1", "Add", Map.of(), x, linear(name + "out", joined, width, width));
        String hidden = op(
                name + "gelu", "Gelu", Map.of(), linear(name + "up", norm(name + "norm2", attended), width, 4 * width));
        return op(name + "residual2", "Add", Map.of(), attended, linear(name + "down", hidden, 4 * width, width));
    }

    private String heads(String name, String x, long... permutation) {
        String split = op(
                name + ".split",
                "Reshape",
                Map.of(),
                linear(name, x, width, width),
                sizes(name + ".shape", 0, TOKENS, HEADS, width / HEADS));
        return op(name + ".heads", "Transpose", Map.of("perm", permutation), split);
    }

    private String linear(String name, String x, int from, int to) {
        return op(
                name,
                "Add",
                Map.of(),
                op(name + ".product", "MatMul", Map.of(), x, normal(name + ".weight", 1 / Math.sqrt(from), from, to)),
                constant(name + ".bias", 0, to));
    }

    private String norm(String name, String x) {
        return op(
                name,
                "LayerNormalization",
                Map.of("axis", -1),
                x,
                constant(name + ".weight", 1, width),
                constant(name + ".bias", 0, width));
    }

    private String op(String output, String op, Map<String, Object> attributes, String... inputs) {
        var node = Node.of(op, List.of(inputs), output);
        for (var attribute : attributes.entrySet()) {
            node = node.with(attribute.getKey(), attribute.getValue());
        }
        graph.nodes().add(node);
        return output;
    }

    private String normal(String name, double deviation, long... shape) {
        var values = new float[(int) Tensor.count(shape)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (deviation * random.nextGaussian());
        }
        graph.initializers().put(name, Tensor.of(values, shape));
        return name;
    }

    private String constant(String name, double value, long... shape) {
        var values = new float[(int) Tensor.count(shape)];
        Arrays.fill(values, (float) value);
        graph.initializers().put(name, Tensor.of(values, shape));
        return name;
    }

    private String sizes(String name, long... values) {
        graph.initializers().put(name, Tensor.vector(values));
        return name;
    }
}
