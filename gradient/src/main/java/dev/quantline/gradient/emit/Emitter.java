package dev.quantline.gradient.emit;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;
import java.util.stream.LongStream;

/**
 * Appends nodes to a graph and returns the names of their outputs, so that a formula reads
 * {@code e.mul(dy, e.sub(one, e.mul(y, y)))}. Tracks element types, so that constants match their operands, and sizes
 * where they are obvious. Equal constants are shared.
 */
public final class Emitter {
    /** The domain of ONNX Runtime's own operators, present in both its CPU and CUDA builds. */
    private static final String CONTRIB = "com.microsoft";

    private final Graph graph;
    private final Shapes shapes;
    private final Map<Object, String> constants = new HashMap<>();
    private final Map<String, Node> widened = new LinkedHashMap<>();
    private final Map<String, List<Node>> rewritten = new LinkedHashMap<>();
    private final List<Node> emitted = new ArrayList<>();
    private int scopeStart;
    private boolean contrib;
    private String scope = "gradient";

    /** An emitter that will extend {@code graph}, whose known shapes are {@code shapes}. */
    public Emitter(Graph graph, Shapes shapes) {
        this.graph = graph;
        this.shapes = shapes;
    }

    /** Known types and shapes of the tensors, including emitted ones. */
    public Shapes shapes() {
        return shapes;
    }

    /** Names of nodes and tensors emitted from now on start with {@code name}. */
    public void scope(String name) {
        scope = name;
        scopeStart = emitted.size();
    }

    /**
     * Everything emitted in this scope so far, ending with {@code result}, replaces a node of the graph that has one
     * output: a forward pass whose intermediate results the backward pass reads, instead of one that hides them.
     */
    public void instead(Node node, String result) {
        var steps = emitted.subList(scopeStart, emitted.size());
        rewritten.put(
                node.output(),
                steps.stream()
                        .map(step -> step.output().equals(result)
                                ? step.withOutputs(node.outputs().subList(0, 1))
                                : step)
                        .toList());
        steps.clear();
    }

    /** The graph with everything emitted so far, in an executable order. */
    public Graph finish() {
        graph.rewrite(
                node -> rewritten.getOrDefault(node.output(), List.of(widened.getOrDefault(node.output(), node))));
        graph.nodes().addAll(emitted);
        emitted.clear();
        widened.clear();
        rewritten.clear();
        return contrib ? graph.withOpset(CONTRIB, 1) : graph;
    }

    /** One ONNX operator without attributes; an empty name omits an optional input. */
    public String op(String op, String... inputs) {
        return op(op, Map.of(), inputs);
    }

    /** One ONNX operator; attributes as in {@link Node#with}. */
    public String op(String op, Map<String, Object> attributes, String... inputs) {
        return add(node("", op, attributes, List.of(inputs), 1)).output();
    }

    /** One ONNX operator with several outputs. */
    public List<String> outputs(String op, Map<String, Object> attributes, int outputs, String... inputs) {
        return add(node("", op, attributes, List.of(inputs), outputs)).outputs();
    }

    /** One of ONNX Runtime's own operators, for speed where the standard operators need more passes over memory. */
    public String contrib(String op, Map<String, Object> attributes, String... inputs) {
        contrib = true;
        return add(node(CONTRIB, op, attributes, List.of(inputs), 1)).output();
    }

    private Node node(String domain, String op, Map<String, Object> attributes, List<String> inputs, int outputs) {
        String name = graph.fresh(scope + "/" + op);
        var names = new ArrayList<String>();
        for (int i = 0; i < outputs; i++) {
            names.add(i == 0 ? name + ":" : name + ":" + i);
        }
        var node = new Node(name, op, domain, inputs, names, Map.of());
        for (var attribute : attributes.entrySet()) {
            node = node.with(attribute.getKey(), attribute.getValue());
        }
        return node;
    }

    private Node add(Node node) {
        emitted.add(node);
        node.outputs().forEach(output -> shapes.put(output, Results.type(this, node), Results.shape(this, node)));
        return node;
    }

    /** Declares the sizes of an emitted tensor, for rules that know more than the emitter can infer. */
    public String shaped(String tensor, long... shape) {
        shapes.put(tensor, type(tensor), shape);
        return tensor;
    }

    /** The name of output {@code i} of a node of the graph, which is added to the node if it is missing. */
    public String output(Node node, int i) {
        var current = widened.getOrDefault(node.output(), node);
        if (!current.output(i).isEmpty()) {
            return current.output(i);
        }
        var names = new ArrayList<>(current.outputs());
        while (names.size() <= i) {
            names.add("");
        }
        names.set(i, graph.fresh(node.output() + ":" + i));
        widened.put(node.output(), current.withOutputs(names));
        return names.get(i);
    }

    /** A graph input, which is added unless one of this name exists; negative sizes are open. */
    public String input(String name, DataType type, long... shape) {
        if (graph.inputs().stream().anyMatch(input -> input.getName().equals(name))) {
            return name;
        }
        graph.inputs().add(ValueInfos.of(name, type, shape));
        shapes.put(name, type, shape);
        return name;
    }

    /** Element type of a tensor; FLOAT if unknown. */
    public DataType type(String tensor) {
        return shapes.type(tensor).orElse(DataType.FLOAT);
    }

    /** The value if {@code tensor} is a constant of the graph. */
    public Tensor constant(String tensor) {
        return graph.initializers().get(tensor);
    }

    /** A scalar of the element type of {@code like}. */
    public String scalar(String like, double value) {
        return tensor(type(like), new double[] {value});
    }

    /** A constant of the element type {@code type} with these values. */
    public String tensor(DataType type, double[] values, long... shape) {
        return constants.computeIfAbsent(
                List.of(type, boxed(shape), DoubleStream.of(values).boxed().toList()),
                key -> constant("gradient/constant", Constants.of(type, values, shape)));
    }

    /** An INT64 vector. */
    public String ints(long... values) {
        return constants.computeIfAbsent(boxed(values), key -> constant("gradient/sizes", Tensor.vector(values)));
    }

    private static List<Long> boxed(long[] values) {
        return LongStream.of(values).boxed().toList();
    }

    /** A separate constant, named after {@code base}. */
    public String constant(String base, Tensor tensor) {
        String name = graph.addConstant(base, tensor);
        shapes.put(name, tensor.type(), tensor.shape());
        return name;
    }

    public String add(String a, String b) {
        return op("Add", a, b);
    }

    public String sub(String a, String b) {
        return op("Sub", a, b);
    }

    public String mul(String a, String b) {
        return op("Mul", a, b);
    }

    public String div(String a, String b) {
        return op("Div", a, b);
    }

    /** Product with a number. */
    public String times(String a, double factor) {
        return mul(a, scalar(a, factor));
    }

    /** Sum with a number. */
    public String plus(String a, double summand) {
        return add(a, scalar(a, summand));
    }

    public String where(String condition, String then, String otherwise) {
        return op("Where", condition, then, otherwise);
    }

    /** {@code a}, which must be finite, where the condition holds, 0 elsewhere: as a product, because Where takes four times as long. */
    public String when(String condition, String a) {
        return mul(a, mask(condition, a));
    }

    /** 1 where the condition holds, 0 elsewhere, in the type of {@code like}. */
    public String mask(String condition, String like) {
        return cast(condition, type(like));
    }

    /** Dot product of two tensors of the same sizes, as a matrix with one element. */
    public String dot(String a, String b) {
        if (type(a) != DataType.FLOAT && type(a) != DataType.DOUBLE) {
            return reshape(op("ReduceSum", Map.of("keepdims", 0), mul(a, b)), 1, 1);
        }
        return shaped(op("Gemm", Map.of("transB", 1), reshape(a, 1, -1), reshape(b, 1, -1)), 1, 1);
    }

    public String greater(String a, String b) {
        return op("Greater", a, b);
    }

    public String cast(String a, DataType type) {
        return type(a) == type ? a : op("Cast", Map.of("to", type.code()), a);
    }

    /** Sum over axes, which are kept with size 1. */
    public String sumKept(String a, String axes) {
        return op("ReduceSum", Map.of("keepdims", 1), a, axes);
    }

    /** Sum over axes, which are removed. */
    public String sum(String a, long... axes) {
        return op("ReduceSum", Map.of("keepdims", 0), a, ints(axes));
    }

    /** Mean over axes, which are kept with size 1. */
    public String meanKept(String a, String axes) {
        return op("ReduceMean", Map.of("keepdims", 1), a, axes);
    }

    public String transpose(String a, long... permutation) {
        return op("Transpose", Map.of("perm", permutation), a);
    }

    public String reshape(String a, long... shape) {
        return op("Reshape", a, ints(shape));
    }

    /** {@code a} with the sizes of {@code like}. */
    public String reshapeLike(String a, String like) {
        return known(op("Reshape", a, shapeOf(like)), like);
    }

    /** {@code a} broadcast to the sizes of {@code like}. */
    public String expandLike(String a, String like) {
        return known(op("Expand", a, shapeOf(like)), like);
    }

    /** Zeros with the type and sizes of {@code like}. */
    public String zerosLike(String like) {
        return filled(like, 0);
    }

    /** A tensor filled with one number, with the type and sizes of {@code like}. */
    public String filled(String like, double value) {
        var fill = Constants.of(type(like), new double[] {value}, 1);
        String filled = op("ConstantOfShape", Map.of("value", fill), shapeOf(like));
        shapes.put(filled, type(like), shapes.find(like).orElse(null));
        return filled;
    }

    private String known(String tensor, String like) {
        shapes.put(tensor, type(tensor), shapes.find(like).orElse(null));
        return tensor;
    }

    /** The sizes of a tensor as an INT64 vector: a constant if they are known, otherwise computed. */
    public String shapeOf(String tensor) {
        return shapes.isFixed(tensor) ? ints(shapes.of(tensor)) : op("Shape", tensor);
    }

    /** Size of one axis as an INT64 vector of length 1. */
    public String sizeOf(String tensor, int axis) {
        long size = shapes.of(tensor)[axis];
        return size >= 0 ? ints(size) : op("Shape", Map.of("start", axis, "end", axis + 1), tensor);
    }

    /**
     * {@code gradient}, shaped like {@code from}, summed over the axes along which {@code to} was broadcast: known
     * sizes decide that beforehand, open ones are compared when the graph runs.
     */
    public String sumTo(String gradient, String from, String to) {
        return new Broadcasts(this).sumTo(gradient, from, to);
    }
}
