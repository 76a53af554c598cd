package dev.quantline.quantize.plan;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.ElementTypes;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Where quantizers belong in a canonical graph, so that onnxruntime runs integer kernels and nothing else is touched.
 *
 * <p>MatMul and Gemm read quantized inputs and write floats. Convolutions read and write quantized tensors, and
 * operators between them that have integer kernels (pooling, residual Add, Concat, reshapes) stay on the grid as long
 * as all their inputs are on one; a Relu or Clip right behind a convolution or Add is swallowed by its quantizer. Embedding
 * tables and the weights of {@link FloatKernels} are stored as codes. Everything else (normalisation, softmax, residual adds of
 * transformers) stays float, and so does whatever holds the constants of attention masks. {@link GivenCodes Layers that came
 * quantized} stay as they are.
 *
 * @param activations places on activations by tensor, in graph order
 * @param weights     constants that become codes
 */
public record Placement(Map<String, QuantizationPoint> activations, List<Weight> weights) {
    /** Embedding and position tables smaller than this many elements stay float: nothing to gain. */
    private static final int SMALLEST_TABLE = 4096;
    /** Weights of float kernels smaller than this many elements stay float: what restores them takes as much. */
    private static final int SMALLEST_WEIGHT = 512;

    /**
     * An activation to quantize.
     *
     * @param tensor  its name
     * @param readers names of the nodes that read it quantized; empty: everyone does, graph outputs included
     * @param gridOf  the tensor whose quantizer it must share; its own name if free
     * @param axis    channel axis counted from the end (-1) or the front (1), for per-channel statistics
     */
    public record QuantizationPoint(String tensor, Set<String> readers, String gridOf, int axis) {}

    /**
     * A constant to store as codes.
     *
     * @param node  the node that reads it
     * @param input which input of the node it is
     * @param axis  output-channel axis of the constant; {@code Uniform.PER_TENSOR} for one scale
     */
    public record Weight(String tensor, String node, int input, int axis) {}

    /**
     * Finds the places.
     *
     * @param exclude names of nodes or tensors to leave float, globs allowed
     * @throws dev.quantline.onnx.BadInput naming what is no glob
     */
    public static Placement of(Graph graph, List<String> exclude) {
        return new Finder(graph, exclude).find();
    }

    /**
     * Makes sure that everything the user wants left float is there.
     *
     * @param exclude names of nodes or tensors, globs allowed
     * @param graphs  the model in all the forms whose names the user may have seen
     * @throws dev.quantline.onnx.BadInput naming an entry that fits no node and no tensor of them
     */
    public static void checkExcluded(List<String> exclude, List<Graph> graphs) {
        Exclusions.check(exclude, graphs);
    }

    /** Whether there is anything to quantize. */
    public boolean isEmpty() {
        return weights.isEmpty() && activations.isEmpty();
    }

    private static final class Finder {
        private final Graph graph;
        private final GraphIndex index;
        private final Set<String> floats = new HashSet<>();
        private final Exclusions exclusions;
        private final Set<String> masked;
        private final Map<String, QuantizationPoint> sites = new LinkedHashMap<>();
        private final List<Weight> weights = new ArrayList<>();
        private final Set<String> onGrid = new LinkedHashSet<>();

        Finder(Graph graph, List<String> exclude) {
            this.graph = graph;
            exclusions = new Exclusions(exclude);
            index = graph.index();
            masked = MaskConstants.in(graph);
            ElementTypes.of(graph).forEach((name, type) -> {
                if (type == DataType.FLOAT) {
                    floats.add(name);
                }
            });
        }

        Placement find() {
            for (var node : graph.nodes()) {
                if (isExcluded(node) || GivenCodes.areReadBy(index, node)) {
                    continue;
                }
                if (node.is("MatMul", "Gemm")) {
                    product(node);
                } else if (node.is("Conv")) {
                    convolution(node);
                } else if (node.is("Gather")) {
                    table(node);
                } else if (node.is("Add") && position(node)) {
                    weights.add(new Weight(
                            node.input(constantOf(node)),
                            node.name(),
                            constantOf(node),
                            index.constant(node.input(constantOf(node)))
                                            .orElseThrow()
                                            .rank()
                                    - 1));
                } else if (!FloatKernels.weights(node).isEmpty()) {
                    FloatKernels.weights(node).forEach(input -> stored(node, input));
                } else if (RuntimeKernels.keepCodes(node)) {
                    carry(node);
                }
            }
            return new Placement(sites, weights);
        }

        /**
         * A tensor is left float by leaving alone whoever makes it; named outright, or made by nobody, also who reads it. Of another
         * type it is the same tensor.
         */
        private boolean isExcluded(Node node) {
            return exclusions.has(node.name())
                    || node.outputs().stream()
                            .anyMatch(output -> exclusions.has(output)
                                    || index.onlyConsumer(output)
                                            .filter(next -> next.is("Cast") && exclusions.has(next.output()))
                                            .isPresent())
                    || node.inputs().stream()
                            .anyMatch(input -> excludesReader(input)
                                    || index.producer(input, "Cast")
                                            .filter(cast -> excludesReader(cast.input(0)))
                                            .isPresent());
        }

        private boolean excludesReader(String tensor) {
            return exclusions.names(tensor)
                    || !tensor.isEmpty() && index.producer(tensor).isEmpty() && exclusions.has(tensor);
        }

        private void product(Node node) {
            boolean usable = floats.contains(node.input(0))
                    && floats.contains(node.input(1))
                    && (index.constant(node.input(0)).isEmpty()
                            || index.constant(node.input(1)).isEmpty());
            if (!usable) {
                return;
            }
            for (int i = 0; i < 2; i++) {
                var constant = index.constant(node.input(i));
                if (constant.isEmpty()) {
                    read(node.input(i), node, -1);
                } else {
                    boolean columns = i == 1 && constant.get().rank() == 2;
                    int axis = !columns ? -1 : node.is("Gemm") && node.intOf("transB", 0) == 1 ? 0 : 1;
                    weights.add(new Weight(node.input(i), node.name(), i, axis));
                }
            }
        }

        private void convolution(Node node) {
            var weight = index.constant(node.input(1));
            if (weight.isEmpty()
                    || !floats.contains(node.input(0))
                    || node.hasInput(2) && index.constant(node.input(2)).isEmpty()) {
                return;
            }
            if (FloatKernels.isFaster(node, weight.get())) {
                stored(node, 1);
                return;
            }
            read(node.input(0), node, 1);
            weights.add(new Weight(node.input(1), node.name(), 1, 0));
            write(node.output());
        }

        /** A constant that a float kernel multiplies by. */
        private void stored(Node node, int input) {
            var weight = index.constant(node.input(input));
            if (weight.filter(constant -> constant.type() == DataType.FLOAT
                                    && constant.rank() > 1
                                    && constant.size() >= SMALLEST_WEIGHT)
                            .isPresent()
                    && !MaskConstants.holds(index, node.input(input))) {
                weights.add(new Weight(
                        node.input(input), node.name(), input, FloatKernels.axis(node, input, weight.get())));
            }
        }

        private void table(Node node) {
            var table = index.constant(node.input(0));
            boolean large = table.isPresent()
                    && table.get().type() == DataType.FLOAT
                    && table.get().rank() == 2
                    && table.get().size() >= SMALLEST_TABLE
                    && !MaskConstants.holds(index, node.input(0));
            if (large
                    && node.intOf("axis", 0) == 0
                    && index.constant(node.input(1)).isEmpty()) {
                weights.add(new Weight(node.input(0), node.name(), 0, 1));
            }
        }

        /** A table that is added as it is: a place in it for every token and channel. */
        private boolean position(Node node) {
            var table = index.constant(node.input(constantOf(node)));
            return table.isPresent()
                    && table.get().type() == DataType.FLOAT
                    && table.get().rank() > 1
                    && table.get().dim(-1) < table.get().size()
                    && table.get().size() >= SMALLEST_TABLE
                    && !MaskConstants.holds(index, node.input(constantOf(node)));
        }

        private int constantOf(Node node) {
            return index.constant(node.input(0)).isPresent() ? 0 : 1;
        }

        private void carry(Node node) {
            boolean moves = RuntimeKernels.MOVING.has(node.op());
            var data = moves ? List.of(node.input(0)) : node.inputs();
            if (!data.stream().allMatch(onGrid::contains)
                    || node.outputs().stream().anyMatch(graph.initializers()::containsKey)) {
                return;
            }
            for (String output :
                    node.outputs().stream().filter(floats::contains).toList()) {
                if (moves) {
                    onGrid.add(output);
                    sites.put(
                            output,
                            new QuantizationPoint(
                                    output, Set.of(), sites.get(data.getFirst()).gridOf(), 1));
                } else {
                    write(output);
                }
            }
        }

        /** A tensor that is read quantized by {@code node}; already on a grid, it stays as it is. */
        private void read(String tensor, Node node, int axis) {
            if (!onGrid.contains(tensor) && !masked.contains(tensor)) {
                var readers = new LinkedHashSet<>(
                        sites.containsKey(tensor) ? sites.get(tensor).readers() : Set.of());
                readers.add(node.name());
                sites.put(tensor, new QuantizationPoint(tensor, readers, tensor, axis));
            }
        }

        /**
         * A tensor that is written quantized, unless a Relu or Clip right behind is what gets quantized, or it has its quantizer
         * already.
         */
        private void write(String tensor) {
            var bounded = index.onlyConsumer(tensor)
                    .filter(next -> !isExcluded(next)
                            && (next.is("Relu")
                                    || next.is("Clip") && next.input(0).equals(tensor)));
            String written = bounded.map(Node::output).orElse(tensor);
            if (GivenCodes.areMadeOf(index, written)) {
                return;
            }
            onGrid.add(written);
            sites.put(written, new QuantizationPoint(written, Set.of(), written, 1));
        }
    }
}
