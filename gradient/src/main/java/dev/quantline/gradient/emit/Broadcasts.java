package dev.quantline.gradient.emit;

import dev.quantline.onnx.DataType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Reverses NumPy-style broadcasting: what the forward pass repeated, the backward pass sums. */
final class Broadcasts {
    private final Emitter e;

    Broadcasts(Emitter emitter) {
        e = emitter;
    }

    /** Sizes after broadcasting, negative where open; null if a rank is unknown. */
    static long[] shape(List<long[]> operands) {
        if (operands.stream().anyMatch(shape -> shape == null)) {
            return null;
        }
        int rank = operands.stream().mapToInt(shape -> shape.length).max().orElse(0);
        var result = new long[rank];
        Arrays.fill(result, 1);
        for (var shape : operands) {
            for (int i = 0; i < shape.length; i++) {
                int axis = rank - shape.length + i;
                result[axis] = combined(result[axis], shape[i]);
            }
        }
        return result;
    }

    private static long combined(long a, long b) {
        if (a == 1 || b == 1) {
            return a == 1 ? b : a;
        }
        return a == b ? a : Math.max(-1, Math.max(a, b));
    }

    String sumTo(String gradient, String from, String to) {
        var wide = e.shapes().of(from);
        var narrow = e.shapes().of(to);
        int extra = wide.length - narrow.length;
        var axes = new ArrayList<Long>();
        for (int i = 0; i < wide.length; i++) {
            long size = i < extra ? 1 : narrow[i - extra];
            if (i >= extra && size == wide[i] && size < -1) {
                continue;
            }
            if (i >= extra && size < 0 && wide[i] != 1) {
                return sumAtRunTime(gradient, wide.length, to, extra);
            }
            if (i < extra || size == 1 && wide[i] != 1) {
                axes.add((long) i);
            }
        }
        if (axes.isEmpty()) {
            return gradient;
        }
        boolean leading = axes.size() == extra;
        if (leading && narrow.length > 0 && e.type(gradient) != DataType.FLOAT16) {
            long rows = Arrays.stream(wide).limit(extra).reduce(1, (a, b) -> a < 0 || b < 0 ? -1 : a * b);
            return sumOfRows(gradient, rows, extra, to);
        }
        String sum = e.op(
                "ReduceSum",
                Map.of("keepdims", leading ? 0 : 1),
                gradient,
                e.ints(axes.stream().mapToLong(Long::longValue).toArray()));
        return leading || extra == 0 ? e.shaped(sum, narrow) : e.reshapeLike(sum, to);
    }

    /** Ones times the matrix of all rows: MatMul reads it in order, whereas ReduceSum reads it column by column on several threads. */
    private String sumOfRows(String gradient, long rows, int axis, String to) {
        String matrix = e.op("Flatten", Map.of("axis", axis), gradient);
        String sum = e.op("MatMul", ones(matrix, rows), matrix);
        return e.shapes().rank(to) == 1 ? e.shaped(sum, e.shapes().of(to)) : e.reshapeLike(sum, to);
    }

    private String ones(String matrix, long rows) {
        if (rows < 0) {
            return e.op(
                    "ConstantOfShape",
                    Map.of("value", Constants.of(e.type(matrix), new double[] {1}, 1)),
                    e.op("Shape", Map.of("start", 0, "end", 1), matrix));
        }
        var ones = new double[Math.toIntExact(rows)];
        Arrays.fill(ones, 1);
        return e.tensor(e.type(matrix), ones, rows);
    }

    private String sumAtRunTime(String gradient, int rank, String to, int extra) {
        var ones = new long[extra];
        Arrays.fill(ones, 1);
        String narrow =
                extra == 0 ? e.op("Shape", to) : e.op("Concat", Map.of("axis", 0), e.ints(ones), e.op("Shape", to));
        String wide = e.op("Shape", gradient);
        String repeated = e.op("Not", e.op("Equal", narrow, wide));
        String axes = e.op("Reshape", e.op("NonZero", repeated), e.ints(-1));
        String sum = e.op("ReduceSum", Map.of("keepdims", 1, "noop_with_empty_axes", 1), gradient, axes);
        return e.reshapeLike(sum, to);
    }
}
