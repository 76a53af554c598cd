package dev.quantline.gradient.rules;

import dev.quantline.onnx.Node;
import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** Softmax and the normalisation layers, in their short closed forms. */
final class Normalizations {
    private Normalizations() {}

    /**
     * dx = y (dy - sum(dy y)), summed along the axis. Of attention, where y's only reader is z = y v, the sums are those of
     * dz z (arXiv 2205.14135), which has fewer columns.
     */
    static void softmax(BackwardContext call) {
        var e = call.emitter();
        int axis = call.axis((int) call.node().intOf("axis", -1), call.out());
        String weighted = call.reader()
                .filter(reader -> axis == call.shapes().rank(call.out()) - 1 && isLeftFactor(call, reader.node()))
                .map(reader -> e.mul(reader.gradient(), reader.node().output()))
                .orElseGet(() -> e.mul(call.dy(), call.out()));
        call.give(0, e.mul(call.out(), e.sub(call.dy(), e.sumKept(weighted, e.ints(axis)))));
    }

    /** Whether y is the left operand of a matrix product that does not broadcast it and has fewer columns than y. */
    private static boolean isLeftFactor(BackwardContext call, Node reader) {
        if (!reader.is("MatMul")
                || !reader.input(0).equals(call.out())
                || call.shapes().rank(reader.input(1)) < 2) {
            return false;
        }
        var y = call.shapes().of(call.out());
        var z = call.shapes().of(reader.output());
        return y.length >= 2
                && y.length == z.length
                && Arrays.equals(y, 0, y.length - 1, z, 0, z.length - 1)
                && Arrays.stream(y).allMatch(size -> size > 0)
                && z[z.length - 1] < y[y.length - 1];
    }

    /** dx = dy - exp(y) sum(dy). */
    static void logSoftmax(BackwardContext call) {
        var e = call.emitter();
        String axis = e.ints(call.node().intOf("axis", -1));
        call.give(0, e.sub(call.dy(), e.mul(e.op("Exp", call.out()), e.sumKept(call.dy(), axis))));
    }

    /**
     * y = z gamma + beta with z = (x - mean) r, r = 1/sqrt(var + eps), over the axes from {@code axis} on: dgamma = sum(dy z),
     * dbeta = sum(dy), and with g = dy gamma: dx = r (g - mean(g) - z mean(g z)). Forward is written out as well: the backward
     * pass keeps z, and vectorised steps take a third of the time of ONNX Runtime's LayerNormalization, which is not. A node that
     * also gives its mean or deviation stays, and no gradient passes through those.
     */
    static void layer(BackwardContext call) {
        var e = call.emitter();
        if (IntStream.range(1, call.node().outputs().size()).anyMatch(call::isFollowed)) {
            throw call.refusal("what it gives besides its first output is read by what is trained");
        }
        String x = call.in(0);
        String gamma = call.in(1);
        int rank = call.shapes().rank(x);
        int axis = call.axis((int) call.node().intOf("axis", -1), x);
        String axes = e.ints(LongStream.range(axis, rank).toArray());
        String c = e.sub(x, e.meanKept(x, axes));
        String variance = e.meanKept(e.mul(c, c), axes);
        String r = e.op("Reciprocal", e.op("Sqrt", e.plus(variance, call.node().floatOf("epsilon", 1e-5f))));
        String z = e.mul(c, r);
        String scaled = e.mul(z, gamma);
        boolean alone = call.node().outputs().stream()
                        .filter(output -> !output.isEmpty())
                        .count()
                == 1;
        if (alone) {
            e.instead(call.node(), call.node().hasInput(2) ? e.add(scaled, call.in(2)) : scaled);
        }
        String product = e.mul(call.dy(), z);
        if (call.wants(0)) {
            String g = e.mul(call.dy(), gamma);
            String along = e.meanKept(e.mul(product, gamma), axes);
            call.give(0, e.mul(e.sub(e.sub(g, e.meanKept(g, axes)), e.mul(z, along)), r));
        }
        call.giveSummed(1, product);
        call.giveSummed(2, call.dy());
    }

    /**
     * Inference form: y = (x - mean) r scale + shift with r = 1/sqrt(var + eps) per channel (axis 1). All five operands
     * have gradients.
     */
    static void batch(BackwardContext call) {
        var e = call.emitter();
        if (call.node().intOf("training_mode", 0) == 1) {
            throw call.refusal("it is in training mode: export the model for inference");
        }
        String x = call.in(0);
        int rank = call.shapes().rank(x);
        var others = LongStream.range(0, rank).filter(axis -> axis != 1).toArray();
        var perChannel =
                LongStream.range(0, rank).map(axis -> axis == 1 ? -1 : 1).toArray();
        String variance = call.in(4);
        String r = e.op("Reciprocal", e.op("Sqrt", e.plus(variance, call.node().floatOf("epsilon", 1e-5f))));
        String factor = e.mul(call.in(1), r);
        if (call.wants(0)) {
            call.give(0, e.mul(call.dy(), e.reshape(factor, perChannel)));
        }
        String shift = e.sum(call.dy(), others);
        String scale = e.mul(e.sub(e.sum(e.mul(call.dy(), x), others), e.mul(shift, call.in(3))), r);
        call.give(1, scale);
        call.give(2, shift);
        call.give(3, e.op("Neg", e.mul(shift, factor)));
        call.give(4, e.times(e.mul(e.mul(scale, factor), r), -0.5));
    }

    /** Like {@link #layer}, over the axes from 2 on, with scale and shift per channel. */
    static void instance(BackwardContext call) {
        var e = call.emitter();
        String x = call.in(0);
        int rank = call.shapes().rank(x);
        var spatial = LongStream.range(2, rank).toArray();
        String axes = e.ints(spatial);
        var perChannel =
                LongStream.range(0, rank - 1).map(axis -> axis == 0 ? -1 : 1).toArray();
        String centered = e.sub(x, e.op("ReduceMean", x, axes));
        String variance = e.op("ReduceMean", e.mul(centered, centered), axes);
        String r = e.op("Reciprocal", e.op("Sqrt", e.plus(variance, call.node().floatOf("epsilon", 1e-5f))));
        String xhat = e.mul(centered, r);
        String product = e.mul(call.dy(), xhat);
        if (call.wants(0)) {
            String balanced = e.sub(
                    e.sub(call.dy(), e.op("ReduceMean", call.dy(), axes)),
                    e.mul(xhat, e.op("ReduceMean", product, axes)));
            call.give(0, e.mul(balanced, e.mul(r, e.reshape(call.in(1), perChannel))));
        }
        var others = LongStream.range(0, rank).filter(axis -> axis != 1).toArray();
        call.give(1, e.sum(product, others));
        call.give(2, e.sum(call.dy(), others));
    }
}
