package dev.quantline.quantize.export;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.plan.FloatKernels;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The contents of a model, read from its graph alone, even if another tool quantized it.
 *
 * @param bytes    of the file
 * @param layers   products, recurrent layers and embedding tables with constant weights, in graph order
 * @param metadata of the file
 */
public record Inspection(long bytes, int opset, List<Layer> layers, Map<String, String> metadata) {
    private static final int CODE_BITS = 16;

    /**
     * A layer.
     *
     * @param weights     how the weights are stored
     * @param activations how the activation that it reads is quantized
     * @param bytes       of the weights in the file
     */
    public record Layer(String name, String op, String weights, String activations, long elements, long bytes) {}

    /**
     * Inspects a graph.
     *
     * @param bytes size of the file, including its external data
     */
    public static Inspection of(Graph graph, long bytes) {
        var index = graph.index();
        var layers = new ArrayList<Layer>();
        for (var node : graph.nodes()) {
            var weights = weights(index, node);
            if (!weights.isEmpty()) {
                layers.add(layer(index, node, weights));
            }
        }
        return new Inspection(bytes, graph.opset(), layers, graph.metadata());
    }

    /** The stored weights of a node, by input: both for a recurrent layer, the first for others. */
    private static SortedMap<Integer, Tensor> weights(GraphIndex index, Node node) {
        boolean either = Operators.LAYERS.has(node)
                || node.is("Gather", "Add")
                || node.op().equals("MatMulNBits");
        var weights = new TreeMap<Integer, Tensor>();
        for (int input : either ? List.of(0, 1) : FloatKernels.weights(node)) {
            stored(index, node.input(input))
                    .filter(stored -> isWeight(node, input, stored) && (weights.isEmpty() || !either))
                    .ifPresent(stored -> weights.put(input, stored));
        }
        return weights;
    }

    /** Vectors are biases, and rows of a single number are the scales of a table. */
    private static boolean isWeight(Node node, int input, Tensor stored) {
        return stored.size() > 1
                && (!node.is("Add") || stored.rank() > 1)
                && (!node.is("Gather") || input == 0 && stored.rank() == 2 && stored.dim(1) > 1);
    }

    private static Layer layer(GraphIndex index, Node node, SortedMap<Integer, Tensor> weights) {
        boolean packed = node.op().equals("MatMulNBits");
        var first = weights.firstEntry();
        long elements = packed
                ? node.intOf("K", 0) * node.intOf("N", 0)
                : weights.values().stream().mapToLong(Tensor::size).sum();
        String codes = packed
                ? node.intOf("bits", 4) + " bits in blocks of " + node.intOf("block_size", 0)
                : stored(first.getValue());
        String activations = node.is("Gather", "Add")
                ? "-"
                : packed ? "float" : activation(index, node.input(first.getKey() == 0 ? 1 : 0));
        return new Layer(
                node.name().isEmpty()
                        ? node.outputs().stream()
                                .filter(output -> !output.isEmpty())
                                .findFirst()
                                .orElse("")
                        : node.name(),
                node.op(),
                codes,
                activations,
                elements,
                weights.values().stream()
                        .mapToLong(stored -> stored.data().capacity())
                        .sum());
    }

    /** The constant from which an input is computed: itself, or via DequantizeLinear, an unpacking Cast, or Cast and Mul. */
    private static Optional<Tensor> stored(GraphIndex index, String tensor) {
        return index.constant(tensor)
                .or(() -> index.producer(tensor, "DequantizeLinear", "Cast", "Mul")
                        .filter(node -> !node.is("Mul")
                                || index.producer(node.input(0), "Cast").isPresent())
                        .flatMap(node -> stored(index, node.input(0))));
    }

    /** Actual width of the codes, which may be less than that of their storage type. */
    private static String stored(Tensor constant) {
        if (constant.type().isFloating()) {
            return constant.type().name().toLowerCase(Locale.ROOT);
        }
        int low = 0;
        int high = 0;
        for (int i = 0; i < constant.size(); i++) {
            low = Math.min(low, (int) constant.get(i));
            high = Math.max(high, (int) constant.get(i));
        }
        int bits = 1;
        boolean signed = constant.type() == DataType.INT4
                || constant.type() == DataType.INT8
                || constant.type() == DataType.INT16;
        while (bits < CODE_BITS && (signed ? low < -(1 << bits - 1) || high >= 1 << bits - 1 : high >= 1 << bits)) {
            bits++;
        }
        return bits + " bits in " + constant.type().name().toLowerCase(Locale.ROOT);
    }

    private static String activation(GraphIndex index, String tensor) {
        var restored = index.producer(tensor);
        if (restored.isEmpty()) {
            return "float";
        }
        var quantize = restored.filter(node -> node.is("DequantizeLinear"))
                .flatMap(node -> index.producer(node.input(0), "QuantizeLinear"));
        if (quantize.isPresent()) {
            String type = index.constant(quantize.get().input(2))
                    .map(zero -> zero.type().name().toLowerCase(Locale.ROOT))
                    .orElse("uint8");
            boolean clipped = index.producer(quantize.get().input(0), "Clip").isPresent();
            return "uniform " + type + (clipped ? ", clipped below its width" : "");
        }
        if (restored.get().is("ThresholdedRelu")) {
            return "logarithmic uint8";
        }
        boolean tangent = restored.get().is("Add")
                && index.producer(restored.get().input(0), "Mul")
                        .flatMap(stretched -> index.producer(stretched.input(0), "Atan"))
                        .isPresent();
        return tangent ? "tangent uint8" : "float";
    }

    public List<String> lines() {
        var lines = new ArrayList<String>();
        lines.add("%.2f MB, opset %d, %d layers with weights".formatted(bytes / 1e6, opset, layers.size()));
        int width =
                layers.stream().mapToInt(layer -> layer.name().length()).max().orElse(5);
        String row = "%-" + width + "s  %-13s %-24s %-34s %12s %12s";
        lines.add(row.formatted("layer", "operator", "weights", "activation it reads", "weights", "bytes")
                .stripTrailing());
        layers.forEach(layer -> lines.add(row.formatted(
                layer.name(), layer.op(), layer.weights(), layer.activations(), layer.elements(), layer.bytes())));
        long all = layers.stream().mapToLong(Layer::elements).sum();
        layers.stream()
                .collect(Collectors.groupingBy(Layer::weights, TreeMap::new, Collectors.summingLong(Layer::elements)))
                .forEach((kind, elements) -> lines.add(
                        "%s: %d weights, %.1f %%".formatted(kind, elements, 100.0 * elements / Math.max(1, all))));
        new TreeMap<>(metadata).forEach((key, value) -> lines.add(key + ": " + value));
        lines.add(
                "Weights are stored as integer codes before a DequantizeLinear, or before a Cast and a Mul that ONNX Runtime computes when"
                        + " it loads the model, as it does for a Cast that unpacks 4-bit codes. An activation is quantized where"
                        + " DequantizeLinear follows QuantizeLinear.");
        return lines;
    }
}
