package dev.quantline.quantize.plan;

import com.fasterxml.jackson.annotation.JsonIgnore;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.ElementTypes;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import dev.quantline.onnx.Tensor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * What a recipe would make of a model, estimated from the graph alone, without data or running anything.
 *
 * @param operators what happens to each type of operator, most frequent first
 * @param bytes     estimated size of the file: constants are counted, the structure around them is estimated
 */
public record QuantizationEstimate(List<Operator> operators, long bytes) {
    private static final int INTEGER_KERNEL = 8;
    private static final int TABLE = 8;
    private static final int PACKED = 4;
    /** Estimated bytes of a node besides its original names. */
    private static final int NODE_BYTES = 50;

    /** Widths and granularity. @param block inputs that share a weight scale; 0 for a scale per output channel */
    public record Widths(int weights, int activations, int block) {}

    /**
     * A type of operator.
     *
     * @param integer  nodes that multiply integers
     * @param onCodes  nodes that read and write codes
     * @param stored   nodes that compute in float, with weights stored as codes
     * @param given    nodes that were already quantized and stay as they are
     * @param floating nodes that stay float, by reason
     */
    public record Operator(
            String name, int integer, int onCodes, int stored, int given, Map<String, Integer> floating) {
        /** Total number of nodes. */
        @JsonIgnore
        public int nodes() {
            return integer + onCodes + stored + given + floats();
        }

        /** Number of nodes that stay float. */
        @JsonIgnore
        public int floats() {
            return floating.values().stream().mapToInt(Integer::intValue).sum();
        }
    }

    /**
     * Examines a canonical model.
     *
     * @param exclude   names of nodes or tensors that stay float; globs are allowed
     * @param fileBytes size of the float model, including its external data
     */
    public static QuantizationEstimate of(Graph model, List<String> exclude, Widths widths, long fileBytes) {
        return new Finder(model, exclude, widths).find(fileBytes);
    }

    private static final class Finder {
        private final Graph model;
        private final GraphIndex index;
        private final Widths widths;
        private final Placement placement;
        /** The placement without exclusions: what {@link #placement} lacks of it is excluded by the user. */
        private final Placement unrestrained;

        private final Map<String, DataType> types;
        private final Set<String> given;

        Finder(Graph model, List<String> exclude, Widths widths) {
            this.model = model;
            this.widths = widths;
            index = model.index();
            placement = Placement.of(model, exclude);
            unrestrained = exclude.isEmpty() ? placement : Placement.of(model, List.of());
            types = ElementTypes.of(model);
            given = new HashSet<>(GivenCodes.layers(model));
        }

        QuantizationEstimate find(long fileBytes) {
            var counts = new LinkedHashMap<String, int[]>();
            var reasons = new HashMap<String, Map<String, Integer>>();
            for (var node : model.nodes()) {
                var count = counts.computeIfAbsent(node.op(), _ -> new int[4]);
                int kind = kind(node, placement);
                if (kind < count.length) {
                    count[kind]++;
                } else {
                    reasons.computeIfAbsent(node.op(), _ -> new TreeMap<>()).merge(why(node), 1, Integer::sum);
                }
            }
            var operators = new ArrayList<Operator>();
            counts.forEach((name, count) -> operators.add(
                    new Operator(name, count[0], count[1], count[2], count[3], reasons.getOrDefault(name, Map.of()))));
            operators.sort((one, other) -> Integer.compare(other.nodes(), one.nodes()));
            return new QuantizationEstimate(operators, bytes(fileBytes));
        }

        /** 0: integer kernel, 1: reads and writes codes, 2: weights stored as codes, 3: already quantized, 4: float. */
        private int kind(Node node, Placement placement) {
            boolean stored = placement.weights().stream()
                    .anyMatch(weight -> weight.node().equals(node.name()));
            boolean activations = widths.activations() <= INTEGER_KERNEL;
            boolean product = Operators.LAYERS.has(node);
            if (given.contains(node.name())) {
                return 3;
            }
            if (activations && widths.weights() <= INTEGER_KERNEL && product && readsCodes(node, placement)) {
                return 0;
            }
            if (stored) {
                return 2;
            }
            return activations
                            && !product
                            && node.outputs().stream()
                                    .anyMatch(output -> onGrid(output, placement)
                                            || node.inputs().stream().allMatch(input -> onGrid(input, placement))
                                                    && isSwallowed(output, placement))
                    ? 1
                    : 4;
        }

        /** Whether every input except constant weights and biases arrives as codes. */
        private boolean readsCodes(Node node, Placement placement) {
            return node.inputs().stream().limit(2).allMatch(input -> isCoded(input, node, placement));
        }

        private static boolean isCoded(String tensor, Node node, Placement placement) {
            var site = placement.activations().get(tensor);
            return site != null && (site.readers().isEmpty() || site.readers().contains(node.name()))
                    || placement.weights().stream()
                            .anyMatch(weight -> weight.node().equals(node.name())
                                    && weight.tensor().equals(tensor));
        }

        /** A tensor that is quantized only for some readers is written as float. */
        private static boolean onGrid(String tensor, Placement placement) {
            return placement.activations().containsKey(tensor)
                    && placement.activations().get(tensor).readers().isEmpty();
        }

        /** Whether the only reader is a Relu or Clip whose output is quantized instead. */
        private boolean isSwallowed(String tensor, Placement placement) {
            return index.onlyConsumer(tensor)
                    .filter(next -> next.is("Relu", "Clip") && onGrid(next.output(), placement))
                    .isPresent();
        }

        private String why(Node node) {
            boolean product = Operators.LAYERS.has(node);
            if (kind(node, unrestrained) < 4) {
                return "excluded by the recipe";
            }
            if (node.outputs().stream().map(types::get).noneMatch(type -> type == null || type.isFloating())) {
                return "it does not compute floats";
            }
            if (product
                    && node.inputs().stream()
                            .map(types::get)
                            .anyMatch(type -> type != null && type != DataType.FLOAT)) {
                return "its inputs are not of type FLOAT";
            }
            if (widths.activations() > INTEGER_KERNEL && (product || RuntimeKernels.keepCodes(node))) {
                return "the recipe leaves activations float";
            }
            if (product) {
                return node.is("Conv")
                        ? "its weights or bias are not constant"
                        : "an input contains the constants of a mask";
            }
            if (!FloatKernels.weights(node).isEmpty() || node.is("Gather")) {
                return "it has no large constant weights";
            }
            return RuntimeKernels.keepCodes(node) ? "not all its inputs are quantized" : "no integer kernel";
        }

        private long bytes(long fileBytes) {
            var coded = new HashMap<String, Placement.Weight>();
            placement.weights().forEach(weight -> coded.putIfAbsent(weight.tensor(), weight));
            long before = 0;
            long after = 0;
            for (var constant : model.initializers().entrySet()) {
                long whole = constant.getValue().data().capacity();
                var weight = coded.get(constant.getKey());
                before += whole;
                after += weight == null ? whole : codes(constant.getValue(), weight);
            }
            long sites = widths.activations() <= 2 * INTEGER_KERNEL
                    ? placement.activations().size()
                    : 0;
            return Math.max(0, fileBytes - before) + after + NODE_BYTES * (2 * sites + coded.size());
        }

        /** Codes, scales and zero points. */
        private long codes(Tensor constant, Placement.Weight weight) {
            boolean table = model.node(weight.node())
                    .filter(node -> node.is("Gather", "Add"))
                    .isPresent();
            int bits = table ? Math.max(TABLE, widths.weights()) : widths.weights();
            var type = bits <= PACKED ? DataType.INT4 : bits <= INTEGER_KERNEL ? DataType.INT8 : DataType.INT16;
            long scales = weight.axis() < 0
                    ? 1
                    : widths.block() > 0 && !table ? constant.size() / widths.block() + 1 : constant.dim(weight.axis());
            return type.bytes(constant.size()) + scales * (Float.BYTES + 1);
        }
    }
}
