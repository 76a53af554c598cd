package dev.quantline.gradient.rules;

import dev.quantline.gradient.emit.Emitter;
import dev.quantline.onnx.DataType;
import java.util.ArrayList;
import java.util.Map;
import java.util.stream.LongStream;

/**
 * Quantization with the straight-through estimator: rounding counts as the identity, saturation stops the gradient.
 *
 * <p>The codes q = clip(round(x/s) + z) carry a gradient as if they were real numbers. Where one scale serves the pair,
 * DequantizeLinear and QuantizeLinear together give dx = dy inside the range and 0 outside, and for the scale the LSQ
 * gradient (arXiv 1902.08153) q - z - x/s inside and q - z outside.
 */
final class Quantization {
    private Quantization() {
    }

    /** q = clip(round(x/s) + z): dx = dq/s and ds = -dq x/s^2 where it did not saturate. */
    static void quantize(Call call) {
        var e = call.emitter();
        String x = call.in(0);
        String scale = spread(call, call.in(1), x);
        String steps = e.div(x, scale);
        String shifted = call.node().hasInput(2)
            ? e.add(steps, spread(call, e.cast(call.in(2), e.type(x)), x)) : steps;
        var range = range(codes(call));
        String inside = e.op("And", e.op("GreaterOrEqual", shifted, e.scalar(x, range[0])),
            e.op("LessOrEqual", shifted, e.scalar(x, range[1])));
        String passed = e.div(e.when(inside, call.dy()), scale);
        call.give(0, passed);
        if (call.wants(1)) {
            call.give(1, perScale(call, e.op("Neg", e.mul(passed, steps)), x));
        }
    }

    /** x = (q - z) s: dq = s dx, ds = dx (q - z). */
    static void dequantize(Call call) {
        var e = call.emitter();
        String codes = call.in(0);
        var real = e.type(call.in(1));
        if (call.wants(0)) {
            call.give(0, e.mul(call.dy(), spread(call, call.in(1), codes)));
        }
        if (call.wants(1)) {
            String q = e.cast(codes, real);
            String centered = call.node().hasInput(2)
                ? e.sub(q, spread(call, e.cast(call.in(2), real), codes)) : q;
            call.give(1, perScale(call, e.mul(call.dy(), centered), codes));
        }
    }

    private static DataType codes(Call call) {
        if (call.node().hasInput(2)) {
            return call.emitter().type(call.in(2));
        }
        long code = call.node().intOf("output_dtype", 0);
        return code == 0 ? DataType.UINT8 : DataType.of((int) code);
    }

    private static double[] range(DataType type) {
        double values = Math.pow(2, type.bits());
        return type.name().startsWith("U") ? new double[] {0, values - 1} : new double[] {-values / 2, values / 2 - 1};
    }

    /** A per-tensor, per-channel or per-block parameter in a shape that broadcasts with {@code like}. */
    private static String spread(Call call, String parameter, String like) {
        var e = call.emitter();
        int rank = call.shapes().rank(call.in(1));
        if (rank == 0 || call.shapes().count(call.in(1)) == 1) {
            return e.op("Reshape", parameter, e.ints());
        }
        int axis = call.axis((int) call.node().intOf("axis", 1), like);
        long block = call.node().intOf("block_size", 0);
        if (block == 0) {
            var shape = LongStream.range(0, call.shapes().rank(like)).map(i -> i == axis ? -1 : 1).toArray();
            return e.reshape(parameter, shape);
        }
        return repeatBlocks(e, parameter, call.shapes().fixed(call.in(1)), axis, block, call.shapes().fixed(like)[axis]);
    }

    private static String repeatBlocks(Emitter e, String parameter, long[] blocks, int axis, long block, long size) {
        var repeated = new ArrayList<Long>();
        LongStream.of(blocks).forEach(repeated::add);
        repeated.add(axis + 1, block);
        var merged = blocks.clone();
        merged[axis] *= block;
        String wide = e.op("Expand", e.op("Unsqueeze", parameter, e.ints(axis + 1)),
            e.ints(repeated.stream().mapToLong(Long::longValue).toArray()));
        String flat = e.reshape(wide, merged);
        return merged[axis] == size ? flat : e.op("Slice", flat, e.ints(0), e.ints(size), e.ints(axis));
    }

    /** Sums a gradient shaped like {@code like} over everything that shares one scale. */
    private static String perScale(Call call, String gradient, String like) {
        var e = call.emitter();
        int rank = call.shapes().rank(like);
        if (call.shapes().rank(call.in(1)) == 0 || call.shapes().count(call.in(1)) == 1) {
            return e.reshapeLike(e.op("ReduceSum", Map.of("keepdims", 0), gradient), call.in(1));
        }
        int axis = call.axis((int) call.node().intOf("axis", 1), like);
        long block = call.node().intOf("block_size", 0);
        if (block == 0) {
            return e.sum(gradient, LongStream.range(0, rank).filter(i -> i != axis).toArray());
        }
        var blocks = call.shapes().fixed(call.in(1));
        long missing = blocks[axis] * block - call.shapes().fixed(like)[axis];
        var pads = new long[2 * rank];
        pads[rank + axis] = missing;
        String whole = missing == 0 ? gradient : e.op("Pad", gradient, e.ints(pads));
        var split = new ArrayList<Long>();
        LongStream.of(blocks).forEach(split::add);
        split.add(axis + 1, block);
        return e.sum(e.reshape(whole, split.stream().mapToLong(Long::longValue).toArray()), axis + 1);
    }
}
