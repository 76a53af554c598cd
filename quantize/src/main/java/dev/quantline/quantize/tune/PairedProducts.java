package dev.quantline.quantize.tune;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Blas;
import dev.quantline.quantize.linear.InputGram;
import dev.quantline.quantize.linear.InputGram.Product;
import dev.quantline.quantize.linear.LayerWeight;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

import static org.nd4j.linalg.api.buffer.DataType.DOUBLE;

/**
 * Y^T Y and Y^T X of layers that read the same rows, X in the float network and Y in the quantized one. They are most of the
 * memory that rounding a wide layer needs, so they are outside the heap, where their space would stay taken, and freed
 * as soon as nothing reads them.
 */
final class PairedProducts implements AutoCloseable {
    static {
        Blas.settle();
    }

    private final String own;
    private final String cross;
    private final List<Node> layers = new ArrayList<>();
    private final LayerWeight shape;
    private final INDArray ownSums;
    private final INDArray crossSums;

    /**
     * Adds their computation to a graph, as outputs.
     *
     * @param exact    the tensor that holds the float network's input of the layer
     * @param restored the same of the quantized network
     */
    PairedProducts(Graph graph, Node node, LayerWeight layer, String exact, String restored) {
        own = InputGram.add(graph, node, layer, restored, restored);
        cross = InputGram.add(graph, node, layer, restored, exact);
        Stream.of(own, cross).forEach(name -> graph.outputs().add(ValueInfos.of(name, DataType.FLOAT)));
        shape = layer;
        ownSums = zeros();
        crossSums = zeros();
    }

    private INDArray zeros() {
        return Nd4j.zeros(DOUBLE, (long) shape.groups() * shape.inputs(), shape.inputs());
    }

    void addLayer(Node layer) {
        layers.add(layer);
    }

    List<Node> layers() {
        return layers;
    }

    /** Tensors that the graph's outputs can be written into, by their names. */
    Map<String, Tensor> results(Arena memory) {
        return Map.of(own, result(memory), cross, result(memory));
    }

    private Tensor result(Arena memory) {
        long d = shape.inputs();
        var dims = shape.kernel().length > 0 ? new long[] {shape.groups(), d, d} : new long[] {d, d};
        return new Tensor(
                DataType.FLOAT,
                dims,
                memory.allocate(shape.groups() * d * d * Float.BYTES, Long.BYTES)
                        .asByteBuffer());
    }

    /** Adds what the graph computed for more rows. */
    void add(Map<String, Tensor> results) {
        own().add(results.get(own));
        product(crossSums).add(results.get(cross));
    }

    /** Y^T Y. */
    Product own() {
        return product(ownSums);
    }

    private Product product(INDArray sums) {
        return new Product(shape.groups(), shape.inputs(), sums.data().asNioDouble());
    }

    /** What the weights of the layers are rounded towards; once only, since it frees Y^T X. */
    List<LayerWeight> aims(List<LayerWeight> weights, double scarcity) {
        try (crossSums;
                var fit = new LeastSquares(own(), crossSums, scarcity)) {
            return weights.stream().map(fit::of).toList();
        }
    }

    @Override
    public void close() {
        Stream.of(ownSums, crossSums).filter(INDArray::closeable).forEach(INDArray::close);
    }
}
