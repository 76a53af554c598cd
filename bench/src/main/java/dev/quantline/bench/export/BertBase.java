package dev.quantline.bench.export;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Npz;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * Writes a network of BERT-base's shape and samples of full length for it, to see how much memory a job takes: 12 post-norm layers
 * of 12 heads, 768 wide, 3072 between, 30,522 words; random weights. Arguments: folder, tokens, samples. It leaves
 * {@code model.onnx} and {@code data.npz}.
 */
public final class BertBase {
    private static final int LAYERS = 12;
    private static final int WIDTH = 768;
    private static final int HEADS = 12;
    private static final int INNER = 3072;
    private static final int WORDS = 30_522;

    private final Graph graph = Graph.empty(17);
    private final SplittableRandom random = new SplittableRandom(1);
    private final int tokens;

    private BertBase(int tokens) {
        this.tokens = tokens;
    }

    public static void main(String[] arguments) throws IOException {
        var folder = Files.createDirectories(Path.of(arguments[0]));
        var network = new BertBase(Integer.parseInt(arguments[1]));
        ModelFile.write(network.written(), folder.resolve("model.onnx"));
        Npz.write(folder.resolve("data.npz"), network.data(Integer.parseInt(arguments[2])));
    }

    private Map<String, Tensor> data(int samples) {
        var words = random.longs((long) samples * tokens, 0, WORDS).toArray();
        var mask = new long[words.length];
        Arrays.fill(mask, 1);
        return Map.of(
                "input_ids", Tensor.of(words, samples, tokens), "attention_mask", Tensor.of(mask, samples, tokens));
    }

    /** {@code input_ids, attention_mask [batch, tokens] -> last_hidden_state [batch, tokens, 768]}. */
    private Graph written() {
        graph.inputs().add(ValueInfos.of("input_ids", DataType.INT64, -1, tokens));
        graph.inputs().add(ValueInfos.of("attention_mask", DataType.INT64, -1, tokens));
        graph.nodes()
                .add(Node.of("Cast", List.of("attention_mask"), "visible").with("to", (long) DataType.FLOAT.code()));
        op("hidden", "Sub", constant("one", Tensor.scalar(1)), "visible");
        op("penalty", "Mul", "hidden", constant("lowest", Tensor.scalar(-10_000)));
        op("penalties", "Unsqueeze", "penalty", constant("heads and queries", Tensor.vector(1L, 2L)));
        op("words", "Gather", normal("word table", .02, WORDS, WIDTH), "input_ids");
        op("embedded", "Add", "words", normal("places", .02, tokens, WIDTH));
        String x = norm("embedding", "embedded");
        for (int layer = 0; layer < LAYERS; layer++) {
            x = layer("layer" + layer, x);
        }
        graph.nodes().add(Node.of("Identity", List.of(x), "last_hidden_state"));
        graph.outputs().add(ValueInfos.of("last_hidden_state", DataType.FLOAT, -1, tokens, WIDTH));
        return graph;
    }

    private String layer(String name, String x) {
        String query = heads(linear(name + ".query", x, WIDTH, WIDTH), 0, 2, 1, 3);
        String key = heads(linear(name + ".key", x, WIDTH, WIDTH), 0, 2, 3, 1);
        String value = heads(linear(name + ".value", x, WIDTH, WIDTH), 0, 2, 1, 3);
        String scores = op(name + ".scores", "MatMul", query, key);
        String scaled = op(name + ".scaled", "Div", scores, constant("root", Tensor.scalar((float)
                Math.sqrt((double) WIDTH / HEADS))));
        op(name + ".masked", "Add", scaled, "penalties");
        graph.nodes()
                .add(Node.of("Softmax", List.of(name + ".masked"), name + ".attention")
                        .with("axis", -1L));
        String context = transposed(op(name + ".context", "MatMul", name + ".attention", value), 0, 2, 1, 3);
        String merged = op(context + ".merged", "Reshape", context, constant("wide", Tensor.vector(0L, 0L, WIDTH)));
        String attended =
                norm(name + ".attended", op(name + ".sum", "Add", linear(name + ".out", merged, WIDTH, WIDTH), x));
        String inner = gelu(name, linear(name + ".up", attended, WIDTH, INNER));
        return norm(name, op(name + ".whole", "Add", linear(name + ".down", inner, INNER, WIDTH), attended));
    }

    private String gelu(String name, String x) {
        String erf = op(name + ".erf", "Erf", op(name + ".narrowed", "Div", x, constant("sqrt2", Tensor.scalar((float)
                Math.sqrt(2)))));
        String half = op(name + ".half", "Mul", x, op(name + ".gate", "Add", erf, "one"));
        return op(name + ".gelu", "Mul", half, constant("0.5", Tensor.scalar(.5f)));
    }

    private String linear(String name, String x, int from, int to) {
        String product = op(name + ".product", "MatMul", x, normal(name + ".weight", 1 / Math.sqrt(from), from, to));
        return op(name, "Add", product, normal(name + ".bias", .02, to));
    }

    private String heads(String x, long... order) {
        return transposed(
                op(x + ".split", "Reshape", x, constant("split", Tensor.vector(0L, 0L, HEADS, WIDTH / HEADS))), order);
    }

    private String transposed(String x, long... order) {
        graph.nodes().add(Node.of("Transpose", List.of(x), x + ".transposed").with("perm", order));
        return x + ".transposed";
    }

    private String norm(String name, String x) {
        graph.nodes()
                .add(Node.of(
                                "LayerNormalization",
                                List.of(x, normal(name + ".gamma", .5, WIDTH), normal(name + ".beta", .02, WIDTH)),
                                name + ".normed")
                        .with("axis", -1L)
                        .with("epsilon", 1e-12f));
        return name + ".normed";
    }

    private String op(String output, String op, String... inputs) {
        graph.nodes().add(Node.of(op, List.of(inputs), output));
        return output;
    }

    private String constant(String name, Tensor value) {
        graph.initializers().put(name, value);
        return name;
    }

    private String normal(String name, double deviation, int... shape) {
        var tensor =
                Tensor.zeros(DataType.FLOAT, Arrays.stream(shape).asLongStream().toArray());
        for (var values = tensor.floats(); values.hasRemaining(); ) {
            values.put((float) (deviation * random.nextGaussian()));
        }
        return constant(name, tensor);
    }
}
