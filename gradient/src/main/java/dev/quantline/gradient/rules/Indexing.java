package dev.quantline.gradient.rules;

import dev.quantline.gradient.emit.Emitter;
import dev.quantline.onnx.DataType;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.LongStream;

/** Operators that pick elements by position: backward adds every gradient to where its element came from. */
final class Indexing {
    /** A table this small is cheaper to multiply with than to scatter into. */
    private static final int FEW_ROWS = 64;

    private Indexing() {}

    /** Steps of 1: zeros around the slice. Anything else by the positions it picked. */
    static void slice(BackwardContext call) {
        var e = call.emitter();
        String x = call.in(0);
        boolean constant = call.constant(1).isPresent()
                && (!call.node().hasInput(3) || call.constant(3).isPresent());
        boolean ones = !call.node().hasInput(4)
                || call.constant(4).map(steps -> allOnes(steps.toLongs())).orElse(false);
        boolean plain =
                constant && ones && call.shapes().isFixed(x) && call.shapes().isFixed(call.out());
        if (!plain) {
            byPositions(call);
            return;
        }
        var size = call.shapes().fixed(x);
        var taken = call.shapes().fixed(call.out());
        var pads = new long[2 * size.length];
        var from = call.longs(1);
        for (int i = 0; i < from.length; i++) {
            int axis = call.node().hasInput(3) ? call.axis((int) call.longs(3)[i], x) : i;
            pads[axis] = Math.clamp(from[i] < 0 ? from[i] + size[axis] : from[i], 0, size[axis]);
            pads[axis + size.length] = size[axis] - pads[axis] - taken[axis];
        }
        call.give(0, e.op("Pad", call.dy(), e.ints(pads)));
    }

    private static boolean allOnes(long[] values) {
        return LongStream.of(values).allMatch(value -> value == 1);
    }

    /** Constant padding is cut off again; the other modes repeat elements, whose gradients add up. */
    static void pad(BackwardContext call) {
        var e = call.emitter();
        if (!call.node().stringOf("mode", "constant").equals("constant")) {
            byPositions(call);
            return;
        }
        var pads = call.longs(1);
        int rank = call.shapes().rank(call.in(0));
        var axes = call.node().hasInput(3)
                ? call.longs(3)
                : LongStream.range(0, rank).toArray();
        var back = LongStream.of(pads).map(pad -> -pad).toArray();
        call.give(0, e.op("Pad", call.dy(), e.ints(back), "", e.ints(axes)));
        if (call.wants(2)) {
            String all = e.op("ReduceSum", Map.of("keepdims", 0), call.dy());
            String inside = e.op("Pad", call.dy(), e.ints(back), "", e.ints(axes));
            call.give(2, e.reshapeLike(e.sub(all, e.op("ReduceSum", Map.of("keepdims", 0), inside)), call.in(2)));
        }
    }

    /** Applies the operator to the positions 0, 1, 2, ... instead of the values, and scatters by what comes out. */
    private static void byPositions(BackwardContext call) {
        var e = call.emitter();
        String x = call.in(0);
        String count = e.op("Size", x);
        String positions = e.reshapeLike(
                e.op("Range", e.tensor(DataType.INT64, new double[] {0}), count, e.tensor(DataType.INT64, new double[] {
                    1
                })),
                x);
        var node = call.node();
        var inputs = node.inputs().toArray(String[]::new);
        inputs[0] = positions;
        if (node.is("Pad") && inputs.length > 2) {
            inputs[2] = "";
        }
        Map<String, Object> attributes = node.has("mode") ? Map.of("mode", node.stringOf("mode", "")) : Map.of();
        String picked = e.reshape(e.op(node.op(), attributes, inputs), -1);
        String flat = e.reshape(e.zerosLike(x), -1);
        call.give(0, e.reshapeLike(scatter(e, flat, picked, e.reshape(call.dy(), -1), 0), x));
    }

    private static String scatter(Emitter e, String zeros, String indices, String updates, long axis) {
        return e.op("ScatterElements", Map.of("axis", axis, "reduction", "add"), zeros, indices, updates);
    }

    /**
     * y[before, i, after] = x[before, indices[i], after]: adds dy's slices to the rows they came from. ScatterElements
     * runs in order, so that rows picked twice add up to the same bits every time.
     */
    /** Slices of the gradient add up in the rows they came from; those of a small table by a product, on all threads. */
    static void gather(BackwardContext call) {
        var e = call.emitter();
        String x = call.in(0);
        int axis = call.axis((int) call.node().intOf("axis", 0), x);
        var size = call.shapes().of(x);
        String rows = e.cast(call.in(1), DataType.INT64);
        if (axis == 0 && size.length == 2 && size[0] >= 0 && size[0] <= FEW_ROWS) {
            String picked = e.op(
                    "OneHot", e.reshape(rows, -1), e.ints(size[0]), e.tensor(DataType.FLOAT, new double[] {0, 1}, 2));
            e.shaped(picked, -1, size[0]);
            String slices = e.op("Flatten", Map.of("axis", -1), call.dy());
            call.give(0, e.reshapeLike(Products.product(e, e.cast(picked, e.type(slices)), slices, true, false), x));
            return;
        }
        if (axis == 0 && product(size, 1, size.length) >= 0) {
            var slice = size.clone();
            slice[0] = -1;
            String slices = e.reshape(call.dy(), slice);
            slice = LongStream.of(size).map(any -> 1).toArray();
            slice[0] = -1;
            call.give(
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
        long count = call.shapes().count(call.in(1));
        if (after < 0 || before < 0 || count < 0) {
            throw call.refusal("sizes of '" + x + "' are open: fix the sizes of the model's inputs");
        }
        String zeros = e.reshape(e.zerosLike(x), before, size[axis], after);
        String slices = e.reshape(call.dy(), before, count, after);
        String indices = e.op("Expand", e.reshape(rows, 1, -1, 1), e.op("Shape", slices));
        call.give(0, e.reshapeLike(scatter(e, zeros, indices, slices, 1), x));
    }

    private static long product(long[] sizes, int from, int to) {
        return Arrays.stream(sizes, from, to).reduce(1, (a, b) -> a < 0 || b < 0 ? -1 : a * b);
    }

    static void gatherElements(BackwardContext call) {
        var e = call.emitter();
        call.give(
                0,
                scatter(
                        e,
                        e.zerosLike(call.in(0)),
                        call.in(1),
                        call.dy(),
                        call.node().intOf("axis", 0)));
    }
}
