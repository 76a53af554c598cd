package dev.quantline.gradient.emit;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.LongStream;

/**
 * What is known of a graph's tensors before it runs: element types, ranks and sizes, negative where a size stays open: -1, or a
 * smaller number, and wherever the same one stands the size will be the same.
 * Filled by ONNX shape inference and by everything the {@link Emitter} adds afterwards.
 */
public final class Shapes {
    private final Map<String, DataType> types = new HashMap<>();
    private final Map<String, long[]> shapes = new HashMap<>();

    /** What ONNX shape inference tells about {@code graph}. */
    public static Shapes infer(Graph graph) {
        var known = new Shapes();
        OnnxLibrary.inferShapes(graph).forEach((name, info) -> {
            ValueInfos.type(info).ifPresent(type -> known.types.put(name, type));
            ValueInfos.numberedShape(info).ifPresent(shape -> known.shapes.put(name, shape));
        });
        graph.initializers().forEach((name, tensor) -> known.put(name, tensor.type(), tensor.shape()));
        return known;
    }

    void put(String tensor, DataType type, long[] shape) {
        types.put(tensor, type);
        if (shape != null) {
            shapes.put(tensor, shape);
        }
    }

    /** Element type; empty when nothing is known of the tensor. */
    public Optional<DataType> type(String tensor) {
        return Optional.ofNullable(types.get(tensor));
    }

    /** Sizes of the axes, negative where open; empty when not even the rank is known. */
    public Optional<long[]> find(String tensor) {
        return Optional.ofNullable(shapes.get(tensor));
    }

    /**
     * Sizes of the axes, negative where open.
     *
     * @throws BadInput when not even the rank is known
     */
    public long[] of(String tensor) {
        return find(tensor)
                .orElseThrow(() -> new BadInput("the number of axes of tensor '" + tensor
                        + "' cannot be told before running: fix the sizes of the model's inputs"));
    }

    /** Number of axes. @throws BadInput when it is not known */
    public int rank(String tensor) {
        return of(tensor).length;
    }

    /**
     * Sizes of the axes, all of them.
     *
     * @throws BadInput when one is open
     */
    public long[] fixed(String tensor) {
        var shape = of(tensor);
        if (!isFixed(tensor)) {
            throw new BadInput("the gradient through tensor '" + tensor + "' needs all its sizes, which are "
                    + LongStream.of(shape).boxed().toList() + " (negative: open): fix the sizes of the model's inputs");
        }
        return shape;
    }

    /** Whether every size is known. */
    public boolean isFixed(String tensor) {
        return find(tensor)
                .map(shape -> LongStream.of(shape).allMatch(size -> size >= 0))
                .orElse(false);
    }

    /** Number of elements, -1 when a size is open. */
    public long count(String tensor) {
        return isFixed(tensor) ? Tensor.count(of(tensor)) : -1;
    }
}
