package dev.quantline.gradient.rules;

import dev.quantline.onnx.Tensor;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.LongStream;

/** Softmax and the normalisation layers, in their short closed forms. */
final class Normalizations {
    private Normalizations() {
    }

    /** dx = y (dy - sum(dy y)), summed along the axis. */
    static void softmax(Call call) {
        var e = call.emitter();
        String axis = e.ints(call.node().intOf("axis", -1));
        String weighted = e.mul(call.dy(), call.out());
        call.give(0, e.sub(weighted, e.mul(call.out(), e.sumKept(weighted, axis))));
    }

    /** dx = dy - exp(y) sum(dy). */
    static void logSoftmax(Call call) {
        var e = call.emitter();
        String axis = e.ints(call.node().intOf("axis", -1));
        call.give(0, e.sub(call.dy(), e.mul(e.op("Exp", call.out()), e.sumKept(call.dy(), axis))));
    }

    /**
     * y = xhat gamma + beta with xhat = (x - mean) r, r = 1/sqrt(var + eps), over the axes from {@code axis} on:
     * g = dy gamma; dx = r (g - mean(g) - xhat mean(g xhat)); dgamma = sum(dy xhat); dbeta = sum(dy).
     */
    static void layer(Call call) {
        var e = call.emitter();
        String x = call.in(0);
        int rank = call.shapes().rank(x);
        int axis = call.axis((int) call.node().intOf("axis", -1), x);
        String axes = e.ints(LongStream.range(axis, rank).toArray());
        // xhat by the fused operator: one pass over memory instead of two.
        String xhat = standardized(call, x, axis);
        String product = e.mul(call.dy(), xhat);
        if (call.wants(0)) {
            String g = e.mul(call.dy(), call.in(1));
            String deviation = e.output(call.node(), 2);
            String alongX = e.op("ReduceMean", e.mul(product, call.in(1)), axes);
            String centered = e.sub(g, e.op("ReduceMean", g, axes));
            call.give(0, e.mul(e.sub(centered, e.mul(xhat, alongX)), deviation));
        }
        call.giveSummed(1, product);
        call.giveSummed(2, call.dy());
    }

    private static String standardized(Call call, String x, int axis) {
        var e = call.emitter();
        var shape = call.shapes().of(call.in(1));
        if (LongStream.of(shape).anyMatch(size -> size < 0)) {
            throw call.refusal("the size of its scale is open");
        }
        var ones = new double[(int) Tensor.count(shape)];
        Arrays.fill(ones, 1);
        String standardized = e.op("LayerNormalization", Map.of("axis", axis, "epsilon",
            call.node().floatOf("epsilon", 1e-5f)), x, e.tensor(e.type(x), ones, shape));
        return e.shaped(standardized, call.shapes().of(x));
    }

    /**
     * Inference form: y = (x - mean) r scale + shift with r = 1/sqrt(var + eps) per channel (axis 1). All five operands
     * have gradients.
     */
    static void batch(Call call) {
        var e = call.emitter();
        if (call.node().intOf("training_mode", 0) == 1) {
            throw call.refusal("it is in training mode: export the model for inference");
        }
        String x = call.in(0);
        int rank = call.shapes().rank(x);
        var others = LongStream.range(0, rank).filter(axis -> axis != 1).toArray();
        var perChannel = LongStream.range(0, rank).map(axis -> axis == 1 ? -1 : 1).toArray();
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
    static void instance(Call call) {
        var e = call.emitter();
        String x = call.in(0);
        int rank = call.shapes().rank(x);
        var spatial = LongStream.range(2, rank).toArray();
        String axes = e.ints(spatial);
        var perChannel = LongStream.range(0, rank - 1).map(axis -> axis == 0 ? -1 : 1).toArray();
        String centered = e.sub(x, e.op("ReduceMean", x, axes));
        String variance = e.op("ReduceMean", e.mul(centered, centered), axes);
        String r = e.op("Reciprocal", e.op("Sqrt", e.plus(variance, call.node().floatOf("epsilon", 1e-5f))));
        String xhat = e.mul(centered, r);
        String product = e.mul(call.dy(), xhat);
        if (call.wants(0)) {
            String balanced = e.sub(e.sub(call.dy(), e.op("ReduceMean", call.dy(), axes)),
                e.mul(xhat, e.op("ReduceMean", product, axes)));
            call.give(0, e.mul(balanced, e.mul(r, e.reshape(call.in(1), perChannel))));
        }
        var others = LongStream.range(0, rank).filter(axis -> axis != 1).toArray();
        call.give(1, e.sum(product, others));
        call.give(2, e.sum(call.dy(), others));
    }
}
