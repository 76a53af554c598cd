package dev.quantline.gradient.rules;

import dev.quantline.gradient.emit.Emitter;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Node;
import java.util.ArrayList;
import java.util.stream.LongStream;

/**
 * Quantization with the straight-through estimator: rounding counts as the identity, saturation stops the gradient.
 *
 * <p>The codes q = clip(round(x/s) + z) carry a gradient as if they were real numbers. A QuantizeLinear and the only DequantizeLinear
 * that reads it, with the same scale and zero point, are treated as a pair: for x^ = (q - z) s, dx = dy inside the range and 0 outside,
 * and the scale has the LSQ gradient (arXiv 1902.08153), sum(dy (x^ - x)) / s inside and sum(dy x^) / s outside. The second node of the
 * pair therefore passes its gradient to the first unchanged.
 */
final class Quantization {
    private Quantization() {}

    /** q = clip(round(x/s) + z): dx = dq/s and ds = -dq x/s^2 where q is not saturated. */
    static void quantize(BackwardContext context) {
        var e = context.emitter();
        String x = context.in(0);
        String scale = spread(context, context.in(1), x);
        String inside = e.mask(inside(context, x, scale), x);
        String passed = e.mul(context.dy(), inside);
        var restoring = context.index().onlyConsumer(context.out()).filter(reader -> arePair(context.node(), reader));
        if (restoring.isPresent()) {
            context.give(0, passed);
            if (context.wants(1)) {
                String error = e.sub(restoring.get().output(), e.mul(x, inside));
                context.give(1, e.div(perScale(context, context.dy(), error, x), context.in(1)));
            }
        } else {
            String real = e.div(passed, scale);
            context.give(0, real);
            if (context.wants(1)) {
                context.give(1, e.op("Neg", e.div(perScale(context, real, x, x), context.in(1))));
            }
        }
    }

    /** Whether x/s + z lies in the range of the codes, tested on x to save two passes. */
    private static String inside(BackwardContext context, String x, String scale) {
        var e = context.emitter();
        var range = range(codes(context));
        String lowest = e.scalar(x, range[0]);
        String highest = e.scalar(x, range[1]);
        if (context.node().hasInput(2)) {
            String zeroPoint = spread(context, e.cast(context.in(2), e.type(x)), x);
            lowest = e.sub(lowest, zeroPoint);
            highest = e.sub(highest, zeroPoint);
        }
        return e.op(
                "And", e.op("GreaterOrEqual", x, e.mul(lowest, scale)), e.op("LessOrEqual", x, e.mul(highest, scale)));
    }

    /** x = (q - z) s: dq = s dx, ds = dx (q - z); in a pair, dx goes to the first node, which does the rest. */
    static void dequantize(BackwardContext context) {
        var e = context.emitter();
        String codes = context.in(0);
        var producer = context.index().producer(codes);
        if (context.index().onlyConsumer(codes).isPresent()
                && producer.filter(first -> arePair(first, context.node())).isPresent()) {
            context.give(0, context.dy());
            return;
        }
        var real = e.type(context.in(1));
        if (context.wants(0)) {
            context.give(0, e.mul(context.dy(), spread(context, context.in(1), codes)));
        }
        if (context.wants(1)) {
            String q = e.cast(codes, real);
            String centered =
                    context.node().hasInput(2) ? e.sub(q, spread(context, e.cast(context.in(2), real), codes)) : q;
            context.give(1, perScale(context, context.dy(), centered, codes));
        }
    }

    /** Whether the second node, the only reader of the first, restores the codes of the first. */
    private static boolean arePair(Node first, Node second) {
        return first.is("QuantizeLinear")
                && second.is("DequantizeLinear")
                && first.input(1).equals(second.input(1))
                && first.input(2).equals(second.input(2))
                && first.intOf("axis", 1) == second.intOf("axis", 1)
                && first.intOf("block_size", 0) == second.intOf("block_size", 0);
    }

    private static DataType codes(BackwardContext context) {
        if (context.node().hasInput(2)) {
            return context.emitter().type(context.in(2));
        }
        long code = context.node().intOf("output_dtype", 0);
        return code == 0 ? DataType.UINT8 : DataType.of((int) code);
    }

    private static double[] range(DataType type) {
        double values = Math.pow(2, type.bits());
        return type.name().startsWith("U") ? new double[] {0, values - 1} : new double[] {-values / 2, values / 2 - 1};
    }

    /** A per-tensor, per-channel or per-block parameter in a shape that broadcasts with {@code like}. */
    private static String spread(BackwardContext context, String parameter, String like) {
        var e = context.emitter();
        int rank = context.shapes().rank(context.in(1));
        if (rank == 0 || context.shapes().count(context.in(1)) == 1) {
            return e.op("Reshape", parameter, e.ints());
        }
        int axis = context.axis((int) context.node().intOf("axis", 1), like);
        long block = context.node().intOf("block_size", 0);
        if (block == 0) {
            var shape = LongStream.range(0, context.shapes().rank(like))
                    .map(i -> i == axis ? -1 : 1)
                    .toArray();
            return e.reshape(parameter, shape);
        }
        return repeatBlocks(
                e,
                parameter,
                context.shapes().fixed(context.in(1)),
                axis,
                block,
                context.shapes().fixed(like)[axis]);
    }

    private static String repeatBlocks(Emitter e, String parameter, long[] blocks, int axis, long block, long size) {
        var repeated = new ArrayList<Long>();
        LongStream.of(blocks).forEach(repeated::add);
        repeated.add(axis + 1, block);
        var merged = blocks.clone();
        merged[axis] *= block;
        String wide = e.op(
                "Expand",
                e.op("Unsqueeze", parameter, e.ints(axis + 1)),
                e.ints(repeated.stream().mapToLong(Long::longValue).toArray()));
        String flat = e.reshape(wide, merged);
        return merged[axis] == size ? flat : e.op("Slice", flat, e.ints(0), e.ints(size), e.ints(axis));
    }

    /** Sums the product of two tensors shaped like {@code like} over all elements that share a scale. */
    private static String perScale(BackwardContext context, String a, String b, String like) {
        var e = context.emitter();
        int rank = context.shapes().rank(like);
        if (context.shapes().rank(context.in(1)) == 0 || context.shapes().count(context.in(1)) == 1) {
            return e.reshapeLike(e.dot(a, b), context.in(1));
        }
        String gradient = e.mul(a, b);
        int axis = context.axis((int) context.node().intOf("axis", 1), like);
        long block = context.node().intOf("block_size", 0);
        if (block == 0) {
            return e.sum(
                    gradient, LongStream.range(0, rank).filter(i -> i != axis).toArray());
        }
        var blocks = context.shapes().fixed(context.in(1));
        long missing = blocks[axis] * block - context.shapes().fixed(like)[axis];
        var pads = new long[2 * rank];
        pads[rank + axis] = missing;
        String whole = missing == 0 ? gradient : e.op("Pad", gradient, e.ints(pads));
        var split = new ArrayList<Long>();
        LongStream.of(blocks).forEach(split::add);
        split.add(axis + 1, block);
        return e.sum(e.reshape(whole, split.stream().mapToLong(Long::longValue).toArray()), axis + 1);
    }
}
