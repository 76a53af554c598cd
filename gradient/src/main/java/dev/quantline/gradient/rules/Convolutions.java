package dev.quantline.gradient.rules;

import dev.quantline.gradient.emit.Emitter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.LongStream;

/** Conv and ConvTranspose over one to three axes, with strides, dilations, padding and groups. */
final class Convolutions {
    /** Windows with more positions than this (patch embeddings) are not unfolded position by position. */
    private static final int LARGE_WINDOW = 49;

    private Convolutions() {}

    /** Y = X * W + b: dX is the transposed convolution of dY, db sums it, dW correlates X with it. */
    static void conv(BackwardContext context) {
        var e = context.emitter();
        long group = context.node().intOf("group", 1);
        var window = window(context, context.in(0), context.out());
        if (context.wants(0)) {
            context.give(0, e.op("ConvTranspose", window.transposed(group), context.dy(), context.in(1)));
        }
        if (context.wants(1)) {
            context.give(1, weights(context, window, group, context.in(0), context.dy(), context.out()));
        }
        bias(context);
    }

    /** The same with the roles of X and Y swapped: dX = dY * W, dW correlates dY with X. */
    static void convTranspose(BackwardContext context) {
        var e = context.emitter();
        long group = context.node().intOf("group", 1);
        var window = transposedWindow(context);
        if (context.wants(0)) {
            context.give(0, e.op("Conv", window.forward(group), context.dy(), context.in(1)));
        }
        if (context.wants(1)) {
            context.give(
                    1,
                    weights(
                            context,
                            window,
                            group,
                            e.shaped(context.dy(), context.shapes().fixed(context.out())),
                            context.in(0),
                            context.in(0)));
        }
        bias(context);
    }

    private static void bias(BackwardContext context) {
        if (context.wants(2)) {
            int rank = context.shapes().rank(context.out());
            context.give(
                    2,
                    context.emitter()
                            .sum(
                                    context.dy(),
                                    LongStream.range(0, rank)
                                            .filter(axis -> axis != 1)
                                            .toArray()));
        }
    }

    private static Window window(BackwardContext context, String wide, String narrow) {
        var weights = context.shapes().fixed(context.in(1));
        return Window.of(context, wide, narrow, Arrays.copyOfRange(weights, 2, weights.length));
    }

    /** ConvTranspose can also place its padding by output_shape or output_padding; only the padding before matters here. */
    private static Window transposedWindow(BackwardContext context) {
        var window = window(context, context.out(), context.in(0));
        if (!context.node().has("output_shape")
                && !context.node().stringOf("auto_pad", "NOTSET").startsWith("SAME")) {
            return window;
        }
        boolean upper = context.node().stringOf("auto_pad", "NOTSET").equals("SAME_UPPER");
        var begin = new long[window.kernel().length];
        var end = new long[begin.length];
        for (int i = 0; i < begin.length; i++) {
            long total = window.begin()[i] + window.end()[i];
            begin[i] = upper ? total / 2 : total - total / 2;
            end[i] = total - begin[i];
        }
        return new Window(
                window.kernel(), window.strides(), window.dilations(), begin, end, window.input(), window.output());
    }

    /**
     * Gradient {@code [M, C/group, kernel...]} of the weights of a convolution from {@code wide [N, C, ...]} to
     * {@code narrow [N, M, ...]}: per sample and group, one product of {@code [M/group, windows]} with the unfolded
     * {@code [C/group positions, windows]}, summed over samples.
     */
    private static String weights(
            BackwardContext context, Window window, long group, String wide, String narrow, String narrowShape) {
        if (window.positions() > LARGE_WINDOW) {
            return weightsByConvolution(context, window, group, wide, narrow, narrowShape);
        }
        var e = context.emitter();
        var shape = context.shapes().fixed(wide);
        long samples = shape[0];
        long channels = shape[1] / group;
        long windows = LongStream.of(window.output()).reduce(1, (a, b) -> a * b);
        long filters = context.shapes().fixed(narrowShape)[1] / group;
        String columns = window.positions() == 1 && isPlain(window) ? wide : unfold(e, window, wide);
        String products = Products.product(
                e,
                e.shaped(e.reshape(narrow, samples, group, filters, windows), samples, group, filters, windows),
                e.shaped(
                        e.reshape(columns, samples, group, channels * window.positions(), windows),
                        samples,
                        group,
                        channels * window.positions(),
                        windows),
                false,
                true);
        return e.reshapeLike(samples == 1 ? products : e.sum(products, 0), context.in(1));
    }

    private static boolean isPlain(Window window) {
        return Arrays.equals(window.input(), window.output())
                && LongStream.concat(LongStream.of(window.begin()), LongStream.of(window.end()))
                        .allMatch(pad -> pad == 0);
    }

    /** {@code [N, C, positions, windows...]}: for every position inside a window, its element in all windows. */
    private static String unfold(Emitter e, Window window, String wide) {
        int axes = window.kernel().length;
        var pads = new long[2 * axes + 4];
        System.arraycopy(window.begin(), 0, pads, 2, axes);
        for (int i = 0; i < axes; i++) {
            pads[axes + 4 + i] = Math.max(0, window.end()[i]);
        }
        String padded = LongStream.of(pads).allMatch(pad -> pad == 0) ? wide : e.op("Pad", wide, e.ints(pads));
        var slices = new ArrayList<String>();
        for (int position = 0; position < window.positions(); position++) {
            var starts = new long[axes];
            var ends = new long[axes];
            for (int i = axes - 1, rest = position; i >= 0; rest /= (int) window.kernel()[i], i--) {
                starts[i] = rest % window.kernel()[i] * window.dilations()[i];
                ends[i] = starts[i] + (window.output()[i] - 1) * window.strides()[i] + 1;
            }
            String seen = e.op(
                    "Slice",
                    padded,
                    e.ints(starts),
                    e.ints(ends),
                    e.ints(LongStream.range(2, axes + 2).toArray()),
                    e.ints(window.strides()));
            slices.add(e.op("Unsqueeze", seen, e.ints(2)));
        }
        return e.op("Concat", Map.of("axis", 2), slices.toArray(String[]::new));
    }

    /** The same correlation as one convolution with the channels as the batch and {@code narrow} as the filters. */
    private static String weightsByConvolution(
            BackwardContext context, Window window, long group, String wide, String narrow, String narrowShape) {
        var e = context.emitter();
        int axes = window.kernel().length;
        var shape = context.shapes().fixed(wide);
        var grouped = LongStream.concat(LongStream.of(shape[0], group, shape[1] / group), LongStream.of(window.input()))
                .toArray();
        var swapped = LongStream.concat(LongStream.of(2, 1, 0), LongStream.range(3, axes + 3))
                .toArray();
        var joined = LongStream.concat(LongStream.of(shape[1] / group, group * shape[0]), LongStream.of(window.input()))
                .toArray();
        String batch = e.reshape(e.transpose(e.reshape(wide, grouped), swapped), joined);
        var first = LongStream.concat(LongStream.of(1, 0), LongStream.range(2, axes + 2))
                .toArray();
        var pads = LongStream.concat(LongStream.of(window.begin()), LongStream.of(window.end()))
                .map(pad -> Math.max(0, pad))
                .toArray();
        String correlated = e.op(
                "Conv",
                Map.of("group", group, "strides", window.dilations(), "dilations", window.strides(), "pads", pads),
                batch,
                e.transpose(narrow, first));
        // Input after the last window adds positions that no weight has.
        var axesAll = LongStream.range(2, axes + 2).toArray();
        String cut = e.op("Slice", correlated, e.ints(new long[axes]), e.ints(window.kernel()), e.ints(axesAll));
        return e.reshapeLike(e.transpose(cut, first), context.in(1));
    }
}
