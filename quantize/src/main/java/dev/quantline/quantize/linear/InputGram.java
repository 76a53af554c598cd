package dev.quantline.quantize.linear;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Blas;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import java.nio.DoubleBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.LongStream;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * X^T X of the inputs of layers with constant weights, where X has one row per token or, for a convolution, per patch that an
 * output pixel sees: a weight error D changes the outputs by X D, whose square is the trace of D^T (X^T X) D. ONNX Runtime
 * multiplies; only the sums over samples stay in memory, however many there are.
 */
public final class InputGram {
    /** Number of samples that suffices for most layers. */
    public static final int SAMPLES = 128;
    /** Above this many inputs per output channel the matrix (170 MB) costs more than it gains. */
    public static final int WIDEST = 4608;
    /** Samples multiplied at once: the patches of a convolution are as many times larger than its input as its kernel has positions. */
    public static final int BATCH = 8;

    private final Map<String, String> names = new HashMap<>();
    private final Map<String, Product> products = new HashMap<>();

    private InputGram() {}

    /**
     * X^T X of one layer, or a like product of two forms of its rows.
     *
     * @param groups groups of a convolution; otherwise 1
     * @param inputs d, the inputs of one output channel
     * @param sums   {@code [groups, d, d]}, summed over rows; for a convolution d runs over the channels of the group, then
     *               kernel positions, in the order of its weights
     */
    public record Product(int groups, int inputs, DoubleBuffer sums) {
        static {
            Blas.settle();
        }

        /** Of an array, which is not copied. */
        public Product(int groups, int inputs, double[] sums) {
            this(groups, inputs, DoubleBuffer.wrap(sums));
        }

        /** Adds the products of more rows, FLOAT, as many as there are sums. */
        public void add(Tensor more) {
            var values = more.floats();
            for (int i = 0; i < sums.limit(); i++) {
                sums.put(i, sums.get(i) + values.get(i));
            }
        }

        /** FLOAT {@code [d, d]} of one group. */
        public INDArray matrix(int group) {
            var values = new float[inputs * inputs];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) sums.get(group * values.length + i);
            }
            return Nd4j.createFromArray(values).reshape('c', inputs, inputs);
        }
    }

    /** For no layers at all. */
    public static InputGram none() {
        return new InputGram();
    }

    /** Runs samples {@code from} to {@code to} and keeps the products of every such layer. */
    public static InputGram of(
            Graph model, Samples samples, int from, int to, int batch, Provider provider, Progress progress) {
        return of(model, node -> true, samples, from, to, batch, provider, progress);
    }

    /** The same for some layers only, to the bit. */
    public static InputGram of(
            Graph model,
            Predicate<Node> wanted,
            Samples samples,
            int from,
            int to,
            int batch,
            Provider provider,
            Progress progress) {
        var all = new InputGram();
        var graph = model.copy();
        graph.outputs().clear();
        var made = new LinkedHashMap<String, Integer>();
        var inputs = new LinkedHashSet<String>();
        for (var node : model.nodes()) {
            var measured = LayerWeight.of(model, node).filter(layer -> layer.inputs() <= WIDEST);
            measured.ifPresent(layer -> inputs.add(node.input(0)));
            measured.filter(layer -> wanted.test(node))
                    .ifPresent(layer -> all.names.computeIfAbsent(key(layer, node), first -> {
                        String name = add(graph, node, layer, node.input(0), node.input(0));
                        graph.outputs().add(ValueInfos.of(name, DataType.FLOAT));
                        made.put(name, layer.groups());
                        return name;
                    }));
        }
        if (made.isEmpty()) {
            return all;
        }
        // ONNX Runtime fuses across no tensor that is an output, so that it computes the same whichever layers are
        // wanted.
        model.inputs().forEach(input -> inputs.remove(input.getName()));
        inputs.forEach(input -> graph.outputs().add(ValueInfos.of(input, DataType.FLOAT)));
        graph.sort();
        try (var session = Session.open(graph, provider, Session.Optimization.EXACT)) {
            samples.forEachBatch(from, to, samples.unpadded(samples.batchSize(Math.min(batch, BATCH))), fed -> {
                session.run(fed.arrays(), made.keySet())
                        .forEach((name, tensor) -> all.add(name, tensor, made.get(name)));
                progress.report(
                        (double) (fed.first() + fed.size() - from) / (to - from),
                        "running samples to weight errors by their inputs");
            });
        }
        return all;
    }

    /** Empty if the node is not a layer with constant weights that was measured. */
    public Optional<Product> of(Graph model, Node node) {
        return LayerWeight.of(model, node)
                .map(layer -> names.get(key(layer, node)))
                .map(products::get);
    }

    /** Layers that read the same rows or patches share one product. */
    public static String key(LayerWeight layer, Node node) {
        return !node.is("Conv")
                ? node.input(0)
                : String.join(
                        " ",
                        node.input(0),
                        Arrays.toString(layer.kernel()),
                        "" + layer.groups(),
                        Arrays.toString(node.intsOf("strides", null)),
                        Arrays.toString(node.intsOf("dilations", null)),
                        Arrays.toString(node.intsOf("pads", null)),
                        node.stringOf("auto_pad", ""));
    }

    private void add(String name, Tensor tensor, int groups) {
        int inputs = tensor.dim(-1);
        products.computeIfAbsent(name, first -> new Product(groups, inputs, new double[tensor.size()]))
                .add(tensor);
    }

    /**
     * Adds to a graph the computation of A^T B, where A and B are the layer's rows when its input is {@code left} and
     * {@code right}.
     *
     * @return the tensor that holds A^T B, with as many elements as {@link Product#sums}
     */
    public static String add(Graph graph, Node node, LayerWeight layer, String left, String right) {
        String a = columns(graph, node, layer, left);
        String b = left.equals(right) ? a : columns(graph, node, layer, right);
        String product = graph.fresh(node.name() + "/products");
        if (node.is("Conv")) {
            String transposed = graph.fresh(b + "/transposed");
            graph.add(Node.of("Transpose", List.of(b), transposed).with("perm", new long[] {0, 2, 1}));
            graph.add(Node.of("MatMul", List.of(a, transposed), product));
        } else {
            graph.add(Node.of("Gemm", List.of(a, b), product).with("transA", 1L));
        }
        return product;
    }

    /**
     * Rows {@code [tokens, d]}, or patches {@code [groups, d, pixels]}. A depthwise convolution whose kernels contain a single 1
     * extracts the patches for any stride, padding and dilation.
     */
    private static String columns(Graph graph, Node node, LayerWeight layer, String tensor) {
        if (!node.is("Conv")) {
            return reshape(graph, tensor, -1, layer.inputs());
        }
        int places = (int) Tensor.count(layer.kernel());
        int laidOut = layer.groups() * layer.inputs();
        var ones = new float[laidOut * places];
        for (int i = 0; i < laidOut; i++) {
            ones[i * places + i % places] = 1;
        }
        var kernel = LongStream.concat(LongStream.of(laidOut, 1), LongStream.of(layer.kernel()))
                .toArray();
        String patches = graph.fresh(tensor + "/patches");
        graph.add(node.withName(patches)
                .withInputs(List.of(tensor, graph.addConstant(patches + "/kernel", Tensor.of(ones, kernel))))
                .withOutputs(List.of(patches))
                .with("group", (long) laidOut / places));
        String rows = reshape(graph, patches, 0, layer.groups(), layer.inputs(), -1);
        String byGroup = graph.fresh(rows + "/by_group");
        graph.add(Node.of("Transpose", List.of(rows), byGroup).with("perm", new long[] {1, 2, 0, 3}));
        return reshape(graph, byGroup, layer.groups(), layer.inputs(), -1);
    }

    private static String reshape(Graph graph, String tensor, long... shape) {
        String reshaped = graph.fresh(tensor + "/reshaped");
        graph.add(Node.of(
                "Reshape", List.of(tensor, graph.addConstant(reshaped + "/shape", Tensor.vector(shape))), reshaped));
        return reshaped;
    }
}
