package dev.quantline.gradient.rules;

import dev.quantline.gradient.emit.Emitter;
import dev.quantline.onnx.DataType;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.LongStream;

/** Operators that select elements by position: the backward pass adds every gradient to the element it came from. */
final class Indexing {
    /** With at most this many rows, a table is cheaper to multiply than to scatter into. */
    private static final int FEW_ROWS = 64;

    private Indexing() {}

    /** With steps of 1, pads the gradient with zeros; otherwise scatters it by the selected positions. */
    static void slice(BackwardContext context) {
        var e = context.emitter();
        String x = context.in(0);
        boolean constant = context.constant(1).isPresent()
                && (!context.node().hasInput(3) || context.constant(3).isPresent());
        boolean ones = !context.node().hasInput(4)
                || context.constant(4).map(steps -> allOnes(steps.toLongs())).orElse(false);
        boolean plain = constant
                && ones
                && context.shapes().isFixed(x)
                && context.shapes().isFixed(context.out());
        if (!plain) {
            byPositions(context);
            return;
        }
        var size = context.shapes().fixed(x);
        var taken = context.shapes().fixed(context.out());
        var pads = new long[2 * size.length];
        var from = context.longs(1);
        for (int i = 0; i < from.length; i++) {
            int axis = context.node().hasInput(3) ? context.axis((int) context.longs(3)[i], x) : i;
            pads[axis] = Math.clamp(from[i] < 0 ? from[i] + size[axis] : from[i], 0, size[axis]);
            pads[axis + size.length] = size[axis] - pads[axis] - taken[axis];
        }
        context.give(0, e.op("Pad", context.dy(), e.ints(pads)));
    }

    private static boolean allOnes(long[] values) {
        return LongStream.of(values).allMatch(value -> value == 1);
    }

    /** Constant padding is cut off again; the other modes repeat elements, whose gradients add up. */
    static void pad(BackwardContext context) {
        var e = context.emitter();
        if (!context.node().stringOf("mode", "constant").equals("constant")) {
            byPositions(context);
            return;
        }
        var pads = context.longs(1);
        int rank = context.shapes().rank(context.in(0));
        var axes = context.node().hasInput(3)
                ? context.longs(3)
                : LongStream.range(0, rank).toArray();
        var back = LongStream.of(pads).map(pad -> -pad).toArray();
        context.give(0, e.op("Pad", context.dy(), e.ints(back), "", e.ints(axes)));
        if (context.wants(2)) {
            String all = e.op("ReduceSum", Map.of("keepdims", 0), context.dy());
            String inside = e.op("Pad", context.dy(), e.ints(back), "", e.ints(axes));
            context.give(2, e.reshapeLike(e.sub(all, e.op("ReduceSum", Map.of("keepdims", 0), inside)), context.in(2)));
        }
    }

    /** Applies the operator to the positions 0, 1, 2, ... instead of the values, and scatters by the result. */
    private static void byPositions(BackwardContext context) {
        var e = context.emitter();
        String x = context.in(0);
        String count = e.op("Size", x);
        String positions = e.reshapeLike(
                e.op("Range", e.tensor(DataType.INT64, new double[] {0}), count, e.tensor(DataType.INT64, new double[] {
                    1
                })),
                x);
        var node = context.node();
        var inputs = node.inputs().toArray(String[]::new);
        inputs[0] = positions;
        if (node.is("Pad") && inputs.length > 2) {
            inputs[2] = "";
        }
        Map<String, Object> attributes = node.has("mode") ? Map.of("mode", node.stringOf("mode", "")) : Map.of();
        String picked = e.reshape(e.op(node.op(), attributes, inputs), -1);
        String flat = e.reshape(e.zerosLike(x), -1);
        context.give(0, e.reshapeLike(scatter(e, flat, picked, e.reshape(context.dy(), -1), 0), x));
    }

    private static String scatter(Emitter e, String zeros, String indices, String updates, long axis) {
        return e.op("ScatterElements", Map.of("axis", axis, "reduction", "add"), zeros, indices, updates);
    }

    /**
     * y[before, i, after] = x[before, indices[i], after]: adds slices of dy to the rows they came from; for a small
     * table by a multithreaded product. ScatterElements runs in order, so that repeated rows add up to the same bits
     * every time.
     */
    static void gather(BackwardContext context) {
        var e = context.emitter();
        String x = context.in(0);
        int axis = context.axis((int) context.node().intOf("axis", 0), x);
        var size = context.shapes().of(x);
        String rows = e.cast(context.in(1), DataType.INT64);
        if (axis == 0 && size.length == 2 && size[0] >= 0 && size[0] <= FEW_ROWS) {
            String picked = e.op(
                    "OneHot", e.reshape(rows, -1), e.ints(size[0]), e.tensor(DataType.FLOAT, new double[] {0, 1}, 2));
            e.shaped(picked, -1, size[0]);
            String slices = e.op("Flatten", Map.of("axis", -1), context.dy());
            context.give(0, e.reshapeLike(Products.product(e, e.cast(picked, e.type(slices)), slices, true, false), x));
            return;
        }
        if (axis == 0 && product(size, 1, size.length) >= 0) {
            var slice = size.clone();
            slice[0] = -1;
            String slices = e.reshape(context.dy(), slice);
            slice = LongStream.of(size).map(any -> 1).toArray();
            slice[0] = -1;
            context.give(
                    0,
                    scatter(
                            e,
                            e.zerosLike(x),
                            e.op("Expand", e.reshape(rows, slice), e.op("Shape", slices)),
                            slices,
                            0));
            return;
        }
        long after = product(size, axis + 1, size.length);
        long before = product(size, 0, axis);
        long count = context.shapes().count(context.in(1));
        if (after < 0 || before < 0 || count < 0) {
            throw context.refusal("sizes of '" + x + "' are open: fix the sizes of the model's inputs");
        }
        String zeros = e.reshape(e.zerosLike(x), before, size[axis], after);
        String slices = e.reshape(context.dy(), before, count, after);
        String indices = e.op("Expand", e.reshape(rows, 1, -1, 1), e.op("Shape", slices));
        context.give(0, e.reshapeLike(scatter(e, zeros, indices, slices, 1), x));
    }

    private static long product(long[] sizes, int from, int to) {
        return Arrays.stream(sizes, from, to).reduce(1, (a, b) -> a < 0 || b < 0 ? -1 : a * b);
    }

    static void gatherElements(BackwardContext context) {
        var e = context.emitter();
        context.give(
                0,
                scatter(
                        e,
                        e.zerosLike(context.in(0)),
                        context.in(1),
                        context.dy(),
                        context.node().intOf("axis", 0)));
    }
}
