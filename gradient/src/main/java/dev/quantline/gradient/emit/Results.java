package dev.quantline.gradient.emit;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Node;
import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** Element type and, where it is obvious, shape of the outputs of an emitted node. */
final class Results {
    private Results() {}

    static DataType type(Emitter e, Node node) {
        return switch (node.op()) {
            case "Shape", "Size", "NonZero" -> DataType.INT64;
            case "Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "And", "Or", "Not" -> DataType.BOOL;
            case "Cast" -> DataType.of((int) node.intOf("to", 0));
            case "ConstantOfShape" ->
                DataType.of(node.attributes().get("value").getT().getDataType());
            case "Where" -> e.type(node.input(1));
            default -> e.type(node.input(0));
        };
    }

    /** Sizes, negative where open; null if not even the rank is obvious. */
    static long[] shape(Emitter e, Node node) {
        var first =
                node.inputs().isEmpty() ? null : e.shapes().find(node.input(0)).orElse(null);
        return switch (node.op()) {
            case "Add",
                    "Sub",
                    "Mul",
                    "Div",
                    "Pow",
                    "Max",
                    "Min",
                    "Where",
                    "Equal",
                    "Less",
                    "Greater",
                    "LessOrEqual",
                    "GreaterOrEqual",
                    "And",
                    "Or" ->
                Broadcasts.shape(node.inputs().stream()
                        .map(input -> e.shapes().find(input).orElse(null))
                        .toList());
            case "Neg",
                    "Abs",
                    "Exp",
                    "Log",
                    "Sqrt",
                    "Erf",
                    "Tanh",
                    "Sigmoid",
                    "Sin",
                    "Cos",
                    "Cast",
                    "Reciprocal",
                    "Not",
                    "Softmax",
                    "LogSoftmax",
                    "CumSum",
                    "Identity",
                    "Sign",
                    "Relu",
                    "HardSigmoid" -> first;
            case "Reshape" -> reshaped(e, node.input(1));
            case "Unsqueeze" ->
                first == null
                        ? null
                        : unsqueezed(first, e.constant(node.input(1)).toLongs());
            case "Transpose" ->
                first == null
                        ? null
                        : LongStream.of(node.intsOf("perm", null))
                                .map(axis -> first[(int) axis])
                                .toArray();
            case "ReduceSum", "ReduceMean" -> first == null ? null : reduced(e, node, first);
            default -> null;
        };
    }

    private static long[] reshaped(Emitter e, String sizes) {
        var constant = e.constant(sizes);
        return constant == null ? null : constant.toLongs();
    }

    private static long[] unsqueezed(long[] shape, long[] axes) {
        int rank = shape.length + axes.length;
        var result = new long[rank];
        LongStream.of(axes).forEach(axis -> result[(int) (axis < 0 ? axis + rank : axis)] = 1);
        int next = 0;
        for (int i = 0; i < rank; i++) {
            result[i] = result[i] == 1 ? 1 : shape[next++];
        }
        return result;
    }

    private static long[] reduced(Emitter e, Node node, long[] shape) {
        var constant = e.constant(node.input(1));
        if (!node.hasInput(1) || constant == null) {
            return null;
        }
        var axes = Arrays.stream(constant.toLongs())
                .map(axis -> axis < 0 ? axis + shape.length : axis)
                .boxed()
                .toList();
        boolean keep = node.intOf("keepdims", 1) == 1;
        return IntStream.range(0, shape.length)
                .filter(i -> keep || !axes.contains((long) i))
                .mapToLong(i -> axes.contains((long) i) ? 1 : shape[i])
                .toArray();
    }
}
