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
 * What is known of a graph's tensors before it runs: element types, ranks and sizes, negative where a size is open: -1, or a
 * smaller number, which stands for the same size wherever it occurs. Comes from ONNX shape inference and from everything that
 * the {@link Emitter} adds afterwards.
 */
public final class Shapes {
    private final Map<String, DataType> types = new HashMap<>();
    private final Map<String, long[]> shapes = new HashMap<>();

    /** The result of ONNX shape inference on {@code graph}. */
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

    /** Element type; empty if the tensor is unknown. */
    public Optional<DataType> type(String tensor) {
        return Optional.ofNullable(types.get(tensor));
    }

    /** Sizes of the axes, negative where open; empty if not even the rank is known. */
    public Optional<long[]> find(String tensor) {
        return Optional.ofNullable(shapes.get(tensor));
    }

    /**
     * Sizes of the axes, negative where open.
     *
     * @throws BadInput if not even the rank is known
     */
    public long[] of(String tensor) {
        return find(tensor)
                .orElseThrow(() -> new BadInput("the number of axes of tensor '" + tensor
                        + "' cannot be determined before running: fix the sizes of the model's inputs"));
    }

    /** Number of axes. @throws BadInput if it is unknown */
    public int rank(String tensor) {
        return of(tensor).length;
    }

    /**
     * Sizes of all axes.
     *
     * @throws BadInput if one is open
     */
    public long[] fixed(String tensor) {
        var shape = of(tensor);
        if (!isFixed(tensor)) {
            throw new BadInput("the gradient through tensor '" + tensor + "' requires all its sizes, but they are "
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

    /** Number of elements; -1 if a size is open. */
    public long count(String tensor) {
        return isFixed(tensor) ? Tensor.count(of(tensor)) : -1;
    }
}
