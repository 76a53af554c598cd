package dev.quantline.gradient;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;

/** A small graph with random operands, some of them trained, on which one row of the gradient table is checked. */
final class Case {
    private final String name;
    private final Map<String, Operand> trained = new LinkedHashMap<>();
    private final Map<String, Tensor> constants = new LinkedHashMap<>();
    private final List<Node> nodes = new ArrayList<>();
    private final List<String> results = new ArrayList<>();
    /** Number of leading axes of every operand that are declared without a size. */
    private int open;

    /** Values uniform between {@code low} and {@code high}, or evenly spaced and shuffled. */
    private record Operand(double low, double high, boolean spaced, long[] shape) {
        double[] values(Random random) {
            int size = (int) Tensor.count(shape);
            var values = new double[size];
            var ranks = random.ints(0, Integer.MAX_VALUE).limit(size).boxed().toList();
            for (int i = 0; i < size; i++) {
                int at = i;
                long rank =
                        ranks.stream().filter(other -> other < ranks.get(at)).count();
                double position = spaced ? (rank + 0.5) / size : random.nextDouble();
                values[i] = low + position * (high - low);
            }
            return values;
        }
    }

    private Case(String name) {
        this.name = name;
    }

    static Case one(String name) {
        return new Case(name);
    }

    /** Attributes from alternating names and values. */
    static Map<String, Object> with(Object... pairs) {
        var attributes = new LinkedHashMap<String, Object>();
        for (int i = 0; i < pairs.length; i += 2) {
            attributes.put((String) pairs[i], pairs[i + 1]);
        }
        return attributes;
    }

    /** A list of sizes. */
    static long[] of(long... values) {
        return values;
    }

    /** A trained operand with values between {@code low} and {@code high}. */
    Case ranged(String operand, double low, double high, long... shape) {
        trained.put(operand, new Operand(low, high, false, shape));
        return this;
    }

    /** A trained operand around 0. */
    Case trained(String operand, long... shape) {
        return ranged(operand, -1, 1, shape);
    }

    /** A trained operand whose values are far apart, for operators with kinks. */
    Case spaced(String operand, double low, double high, long... shape) {
        trained.put(operand, new Operand(low, high, true, shape));
        return this;
    }

    Case constant(String operand, long... values) {
        constants.put(operand, Tensor.vector(values));
        return this;
    }

    Case constant(String operand, Tensor value) {
        constants.put(operand, value);
        return this;
    }

    /** Adds an operator; its outputs are results of the case unless something reads them. */
    Case op(String op, Map<String, Object> attributes, List<String> inputs, String... outputs) {
        var node = Node.of(op, inputs, outputs);
        for (var attribute : attributes.entrySet()) {
            node = node.with(attribute.getKey(), attribute.getValue());
        }
        nodes.add(node);
        results.addAll(List.of(outputs));
        results.removeAll(inputs);
        results.remove("");
        return this;
    }

    Case op(String op, List<String> inputs, String... outputs) {
        return op(op, Map.of(), inputs, outputs);
    }

    /** Declares the operands without sizes, so that everything is decided at run time. */
    Case open() {
        open = Integer.MAX_VALUE;
        return this;
    }

    /** Declares the first axes without a size, like batch axes. */
    Case openFirst() {
        open = 1;
        return this;
    }

    /** The forward graph in this element type. */
    Graph graph(DataType type) {
        var graph = Graph.empty(21);
        trained.forEach((operand, values) -> graph.inputs()
                .add(ValueInfos.of(
                        operand,
                        type,
                        IntStream.range(0, values.shape().length)
                                .mapToLong(axis -> axis < open ? -1 : values.shape()[axis])
                                .toArray())));
        constants.forEach((operand, value) ->
                graph.initializers().put(operand, value.type() == DataType.FLOAT ? as(type, value) : value));
        graph.nodes().addAll(nodes);
        results.forEach(result -> graph.outputs().add(ValueInfos.of(result, type)));
        return graph;
    }

    private static Tensor as(DataType type, Tensor tensor) {
        var values = new double[tensor.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = tensor.get(i);
        }
        return Directions.tensor(type, values, tensor.shape());
    }

    Map<String, double[]> operands(Random random) {
        var operands = new LinkedHashMap<String, double[]>();
        trained.forEach((operand, values) -> operands.put(operand, values.values(random)));
        return operands;
    }

    long[] shape(String operand) {
        return trained.get(operand).shape();
    }

    List<String> results() {
        return results;
    }

    /** Operators of the case. */
    List<String> operators() {
        return nodes.stream().map(Node::op).toList();
    }

    @Override
    public String toString() {
        return name + (open > 0 ? ", open sizes" : "");
    }
}
