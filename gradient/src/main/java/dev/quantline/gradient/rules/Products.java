package dev.quantline.gradient.rules;

import dev.quantline.gradient.emit.Emitter;
import dev.quantline.onnx.DataType;
import java.util.Map;
import java.util.stream.LongStream;

/** Matrix products. Transposition is left to the product itself and never written to memory. */
final class Products {
    private Products() {}

    /** Y = A B over the last two axes, the others broadcast: dA = dY B', dB = A' dY. Vectors become matrices first. */
    static void matMul(BackwardContext context) {
        var e = context.emitter();
        String a = context.in(0);
        String b = context.in(1);
        int rankA = context.shapes().rank(a);
        int rankB = context.shapes().rank(b);
        if (rankA >= 2 && rankB >= 2) {
            matrices(context, a, b, context.dy());
            return;
        }
        String row = rankA == 1 ? e.op("Unsqueeze", a, e.ints(0)) : a;
        String column = rankB == 1 ? e.op("Unsqueeze", b, e.ints(-1)) : b;
        String dy = rankB == 1 ? e.op("Unsqueeze", context.dy(), e.ints(-1)) : context.dy();
        dy = rankA == 1 ? e.op("Unsqueeze", dy, e.ints(-2)) : dy;
        vectors(context, row, column, dy);
    }

    private static void vectors(BackwardContext context, String row, String column, String dy) {
        var e = context.emitter();
        for (int i = 0; i < 2; i++) {
            if (context.wants(i)) {
                String gradient = i == 0 ? product(e, dy, column, false, true) : product(e, row, dy, true, false);
                long matrix = context.shapes().rank(context.in(i)) == 1
                        ? 2
                        : context.shapes().rank(context.in(i));
                int rank = Math.max(
                        2,
                        Math.max(
                                context.shapes().rank(context.in(0)),
                                context.shapes().rank(context.in(1))));
                for (long extra = rank - matrix; extra > 0; extra--) {
                    gradient = e.sum(gradient, 0);
                }
                context.give(i, e.reshapeLike(gradient, context.in(i)));
            }
        }
    }

    private static void matrices(BackwardContext context, String a, String b, String dy) {
        var e = context.emitter();
        var shapeA = context.shapes().of(a);
        var shapeB = context.shapes().of(b);
        if (context.wants(0)) {
            give(context, 0, product(e, dy, b, false, true), shapeB, shapeA);
        }
        if (!context.wants(1)) {
            return;
        }
        if (shapeB.length == 2 && shapeA.length > 2) {
            context.give(
                    1,
                    shapeA[shapeA.length - 1] <= shapeB[1]
                            ? e.op("MatMul", columns(e, a, shapeA.length), rows(e, dy))
                            : e.transpose(e.op("MatMul", columns(e, dy, shapeA.length), rows(e, a)), 1, 0));
        } else {
            give(context, 1, transposedProduct(e, a, dy), shapeA, shapeB);
        }
    }

    /** All rows of a batch of matrices, one below the other: one product instead of a batch of products to be summed. */
    private static String rows(Emitter e, String batch) {
        return e.op("Flatten", Map.of("axis", -1), batch);
    }

    /**
     * The transpose of {@link #rows}. For products of this deep and narrow shape, one pass that transposes the narrower
     * operand costs less than a product that transposes it piece by piece, again for every block of columns.
     */
    private static String columns(Emitter e, String batch, int rank) {
        var permutation = LongStream.range(0, rank)
                .map(axis -> axis == 0 ? rank - 1 : axis - 1)
                .toArray();
        return e.op("Flatten", Map.of("axis", 1), e.transpose(batch, permutation));
    }

    /** A' dY, or (dY' A)' if dY is narrower, because a product pays for transposing its first operand. */
    private static String transposedProduct(Emitter e, String a, String dy) {
        var shapeA = e.shapes().of(a);
        var shapeY = e.shapes().of(dy);
        return shapeA[shapeA.length - 1] > shapeY[shapeY.length - 1] && shapeY[shapeY.length - 1] > 0
                ? transposed(e, e.shaped(product(e, dy, a, true, false), shapeA))
                : product(e, a, dy, true, false);
    }

    /** Sums over the batch axes along which this operand was broadcast. */
    private static void give(BackwardContext context, int i, String gradient, long[] other, long[] own) {
        var shape = new long[Math.max(other.length, own.length)];
        var out = context.shapes().of(context.out());
        for (int axis = 0; axis < shape.length; axis++) {
            boolean matrix = axis >= shape.length - 2;
            shape[axis] = matrix ? own[own.length - (shape.length - axis)] : out[axis];
        }
        context.give(i, context.emitter().sumTo(gradient, context.emitter().shaped(gradient, shape), context.in(i)));
    }

    /** A product of matrices over the last two axes, with either of them transposed. */
    static String product(Emitter e, String a, String b, boolean transposeA, boolean transposeB) {
        if (e.type(a) == DataType.FLOAT) {
            return e.contrib("FusedMatMul", Map.of("transA", transposeA ? 1 : 0, "transB", transposeB ? 1 : 0), a, b);
        }
        return e.op("MatMul", transposeA ? transposed(e, a) : a, transposeB ? transposed(e, b) : b);
    }

    private static String transposed(Emitter e, String matrices) {
        int rank = e.shapes().rank(matrices);
        var permutation = new long[rank];
        for (int axis = 0; axis < rank; axis++) {
            permutation[axis] = axis < rank - 2 ? axis : 2 * rank - 3 - axis;
        }
        return e.transpose(matrices, permutation);
    }

    /** Y = alpha op(A) op(B) + beta C, where op is the identity or the transpose. */
    static void gemm(BackwardContext context) {
        var e = context.emitter();
        var node = context.node();
        long transA = node.intOf("transA", 0);
        long transB = node.intOf("transB", 0);
        float alpha = node.floatOf("alpha", 1);
        if (context.wants(0)) {
            context.give(
                    0,
                    transA == 0
                            ? gemm(e, alpha, context.dy(), 0, context.in(1), 1 - transB)
                            : gemm(e, alpha, context.in(1), transB, context.dy(), 1));
        }
        if (context.wants(1)) {
            context.give(
                    1,
                    transB == 0
                            ? gemm(e, alpha, context.in(0), 1 - transA, context.dy(), 0)
                            : gemm(e, alpha, context.dy(), 1, context.in(0), transA));
        }
        if (context.wants(2)) {
            String sum = e.sumTo(context.dy(), context.out(), context.in(2));
            float beta = node.floatOf("beta", 1);
            context.give(2, beta == 1 ? sum : e.times(sum, beta));
        }
    }

    private static String gemm(Emitter e, float alpha, String a, long transA, String b, long transB) {
        return e.op("Gemm", Map.of("alpha", alpha, "transA", transA, "transB", transB), a, b);
    }
}
