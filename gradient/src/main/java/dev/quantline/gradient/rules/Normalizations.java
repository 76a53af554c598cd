package dev.quantline.gradient.rules;

import dev.quantline.onnx.Node;
import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** Softmax and the normalisation layers, in closed form. */
final class Normalizations {
    private Normalizations() {}

    /**
     * dx = y (dy - sum(dy y)), summed along the axis. In attention, where z = y v is the only reader of y, the sums equal
     * those of dz z (arXiv 2205.14135), which has fewer columns.
     */
    static void softmax(BackwardContext context) {
        var e = context.emitter();
        int axis = context.axis((int) context.node().intOf("axis", -1), context.out());
        String weighted = context.reader()
                .filter(reader ->
                        axis == context.shapes().rank(context.out()) - 1 && isLeftFactor(context, reader.node()))
                .map(reader -> e.mul(reader.gradient(), reader.node().output()))
                .orElseGet(() -> e.mul(context.dy(), context.out()));
        context.give(0, e.mul(context.out(), e.sub(context.dy(), e.sumKept(weighted, e.ints(axis)))));
    }

    /** Whether y is the left operand of a matrix product that does not broadcast it and has fewer columns than y. */
    private static boolean isLeftFactor(BackwardContext context, Node reader) {
        if (!reader.is("MatMul")
                || !reader.input(0).equals(context.out())
                || context.shapes().rank(reader.input(1)) < 2) {
            return false;
        }
        var y = context.shapes().of(context.out());
        var z = context.shapes().of(reader.output());
        return y.length >= 2
                && y.length == z.length
                && Arrays.equals(y, 0, y.length - 1, z, 0, z.length - 1)
                && Arrays.stream(y).allMatch(size -> size > 0)
                && z[z.length - 1] < y[y.length - 1];
    }

    /** dx = dy - exp(y) sum(dy). */
    static void logSoftmax(BackwardContext context) {
        var e = context.emitter();
        String axis = e.ints(context.node().intOf("axis", -1));
        context.give(0, e.sub(context.dy(), e.mul(e.op("Exp", context.out()), e.sumKept(context.dy(), axis))));
    }

    /**
     * y = z gamma + beta with z = (x - mean) r, r = 1/sqrt(var + eps), over the axes from {@code axis} on: dgamma = sum(dy z),
     * dbeta = sum(dy), and with g = dy gamma: dx = r (g - mean(g) - z mean(g z)). The forward pass is decomposed too: the
     * backward pass reuses z, and the vectorised steps take a third of the time of ONNX Runtime's LayerNormalization, which is
     * not vectorised. A node that also outputs its mean or deviation is kept, and no gradient passes through those outputs.
     */
    static void layer(BackwardContext context) {
        var e = context.emitter();
        if (IntStream.range(1, context.node().outputs().size()).anyMatch(context::isFollowed)) {
            throw context.refusal("the loss depends on its mean or deviation output");
        }
        String x = context.in(0);
        String gamma = context.in(1);
        int rank = context.shapes().rank(x);
        int axis = context.axis((int) context.node().intOf("axis", -1), x);
        String axes = e.ints(LongStream.range(axis, rank).toArray());
        String c = e.sub(x, e.meanKept(x, axes));
        String variance = e.meanKept(e.mul(c, c), axes);
        String r =
                e.op("Reciprocal", e.op("Sqrt", e.plus(variance, context.node().floatOf("epsilon", 1e-5f))));
        String z = e.mul(c, r);
        String scaled = e.mul(z, gamma);
        boolean alone = context.node().outputs().stream()
                        .filter(output -> !output.isEmpty())
                        .count()
                == 1;
        if (alone) {
            e.instead(context.node(), context.node().hasInput(2) ? e.add(scaled, context.in(2)) : scaled);
        }
        String product = e.mul(context.dy(), z);
        if (context.wants(0)) {
            String g = e.mul(context.dy(), gamma);
            String along = e.meanKept(e.mul(product, gamma), axes);
            context.give(0, e.mul(e.sub(e.sub(g, e.meanKept(g, axes)), e.mul(z, along)), r));
        }
        context.giveSummed(1, product);
        context.giveSummed(2, context.dy());
    }

    /**
     * Inference form: y = (x - mean) r scale + shift with r = 1/sqrt(var + eps) per channel (axis 1). All five inputs
     * have gradients.
     */
    static void batch(BackwardContext context) {
        var e = context.emitter();
        if (context.node().intOf("training_mode", 0) == 1) {
            throw context.refusal("it is in training mode: export the model for inference");
        }
        String x = context.in(0);
        int rank = context.shapes().rank(x);
        var others = LongStream.range(0, rank).filter(axis -> axis != 1).toArray();
        var perChannel =
                LongStream.range(0, rank).map(axis -> axis == 1 ? -1 : 1).toArray();
        String variance = context.in(4);
        String r =
                e.op("Reciprocal", e.op("Sqrt", e.plus(variance, context.node().floatOf("epsilon", 1e-5f))));
        String factor = e.mul(context.in(1), r);
        if (context.wants(0)) {
            context.give(0, e.mul(context.dy(), e.reshape(factor, perChannel)));
        }
        String shift = e.sum(context.dy(), others);
        String scale = e.mul(e.sub(e.sum(e.mul(context.dy(), x), others), e.mul(shift, context.in(3))), r);
        context.give(1, scale);
        context.give(2, shift);
        context.give(3, e.op("Neg", e.mul(shift, factor)));
        context.give(4, e.times(e.mul(e.mul(scale, factor), r), -0.5));
    }

    /** Like {@link #layer}, over the axes from 2 on, with scale and shift per channel. */
    static void instance(BackwardContext context) {
        var e = context.emitter();
        String x = context.in(0);
        int rank = context.shapes().rank(x);
        var spatial = LongStream.range(2, rank).toArray();
        String axes = e.ints(spatial);
        var perChannel =
                LongStream.range(0, rank - 1).map(axis -> axis == 0 ? -1 : 1).toArray();
        String centered = e.sub(x, e.op("ReduceMean", x, axes));
        String variance = e.op("ReduceMean", e.mul(centered, centered), axes);
        String r =
                e.op("Reciprocal", e.op("Sqrt", e.plus(variance, context.node().floatOf("epsilon", 1e-5f))));
        String xhat = e.mul(centered, r);
        String product = e.mul(context.dy(), xhat);
        if (context.wants(0)) {
            String balanced = e.sub(
                    e.sub(context.dy(), e.op("ReduceMean", context.dy(), axes)),
                    e.mul(xhat, e.op("ReduceMean", product, axes)));
            context.give(0, e.mul(balanced, e.mul(r, e.reshape(context.in(1), perChannel))));
        }
        var others = LongStream.range(0, rank).filter(axis -> axis != 1).toArray();
        context.give(1, e.sum(product, others));
        context.give(2, e.sum(context.dy(), others));
    }
}
