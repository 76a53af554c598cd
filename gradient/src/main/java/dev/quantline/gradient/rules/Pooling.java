package dev.quantline.gradient.rules;

import dev.quantline.gradient.emit.Emitter;
import dev.quantline.onnx.Tensor;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.LongStream;

/** Pooling over one to three axes. */
final class Pooling {
    private Pooling() {}

    /** The gradient of every window goes to its maximum, whose flat index the forward operator outputs. */
    static void max(BackwardContext context) {
        var e = context.emitter();
        String x = context.in(0);
        if (context.node().intOf("storage_order", 0) != 0) {
            throw context.refusal("storage_order 1 is not supported");
        }
        String indices = e.reshape(e.output(context.node(), 1), -1);
        String zeros = e.op("ConstantOfShape", Map.of("value", zero(e, x)), flatSize(e, x));
        String scattered = e.op(
                "ScatterElements",
                Map.of("axis", 0, "reduction", "add"),
                e.shaped(zeros, -1),
                indices,
                e.reshape(context.dy(), -1));
        context.give(0, e.reshapeLike(scattered, x));
    }

    private static Tensor zero(Emitter e, String like) {
        return Tensor.zeros(e.type(like), 1);
    }

    private static String flatSize(Emitter e, String tensor) {
        long count = e.shapes().count(tensor);
        return count >= 0 ? e.ints(count) : e.op("Reshape", e.op("Size", tensor), e.ints(1));
    }

    /** The gradient of every window is divided equally among its elements: a transposed convolution with a kernel of ones. */
    static void average(BackwardContext context) {
        var e = context.emitter();
        String x = context.in(0);
        var window = Window.of(context, x, context.out(), context.node().intsOf("kernel_shape", null));
        var shape = context.shapes().fixed(x);
        int axes = window.kernel().length;
        var ones = new double[window.positions()];
        Arrays.fill(ones, 1);
        String kernel = e.tensor(e.type(x), ones, concat(window.kernel(), 1, 1));
        String counts = e.tensor(e.type(x), counts(context, window), concat(window.output(), 1, 1));
        String shares = e.reshape(e.div(context.dy(), counts), concat(window.output(), shape[0] * shape[1], 1));
        String spread =
                e.op("ConvTranspose", window.transposed(1), e.shaped(shares, concat(window.output(), -1, 1)), kernel);
        context.give(0, e.reshapeLike(spread, x));
    }

    private static long[] concat(long[] tail, long... head) {
        return LongStream.concat(LongStream.of(head), LongStream.of(tail)).toArray();
    }

    /** The number of elements by which each window was divided. */
    private static double[] counts(BackwardContext context, Window window) {
        boolean padding = context.node().intOf("count_include_pad", 0) == 1;
        var pads = context.node().intsOf("pads", null);
        int axes = window.kernel().length;
        var counts = new double[] {1};
        for (int i = 0; i < axes; i++) {
            long after = pads == null ? Math.max(0, window.end()[i]) : pads[axes + i];
            var axis = new double[(int) window.output()[i]];
            for (int at = 0; at < axis.length; at++) {
                long start = at * window.strides()[i] - window.begin()[i];
                for (int k = 0; k < window.kernel()[i]; k++) {
                    long position = start + k * window.dilations()[i];
                    boolean inside = position >= 0 && position < window.input()[i];
                    boolean padded = position >= -window.begin()[i] && position < window.input()[i] + after;
                    axis[at] += inside || padding && padded ? 1 : 0;
                }
            }
            counts = outer(counts, axis);
        }
        return counts;
    }

    private static double[] outer(double[] a, double[] b) {
        var product = new double[a.length * b.length];
        for (int i = 0; i < product.length; i++) {
            product[i] = a[i / b.length] * b[i % b.length];
        }
        return product;
    }

    static void globalAverage(BackwardContext context) {
        var e = context.emitter();
        var spatial =
                Arrays.stream(context.shapes().fixed(context.in(0))).skip(2).reduce(1, (a, b) -> a * b);
        context.give(0, e.expandLike(e.times(context.dy(), 1.0 / spatial), context.in(0)));
    }
}
