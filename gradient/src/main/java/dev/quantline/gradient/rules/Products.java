package dev.quantline.gradient.rules;

import dev.quantline.gradient.emit.Emitter;
import dev.quantline.onnx.DataType;
import java.util.Map;
import java.util.stream.LongStream;

/** Matrix products. Transposed operands are handed to the product itself, never written to memory. */
final class Products {
    private Products() {}

    /** Y = A B over the last two axes, the others broadcast: dA = dY B', dB = A' dY. Vectors become matrices first. */
    static void matMul(BackwardContext call) {
        var e = call.emitter();
        String a = call.in(0);
        String b = call.in(1);
        int rankA = call.shapes().rank(a);
        int rankB = call.shapes().rank(b);
        if (rankA >= 2 && rankB >= 2) {
            matrices(call, a, b, call.dy());
            return;
        }
        String row = rankA == 1 ? e.op("Unsqueeze", a, e.ints(0)) : a;
        String column = rankB == 1 ? e.op("Unsqueeze", b, e.ints(-1)) : b;
        String dy = rankB == 1 ? e.op("Unsqueeze", call.dy(), e.ints(-1)) : call.dy();
        dy = rankA == 1 ? e.op("Unsqueeze", dy, e.ints(-2)) : dy;
        vectors(call, row, column, dy);
    }

    private static void vectors(BackwardContext call, String row, String column, String dy) {
        var e = call.emitter();
        for (int i = 0; i < 2; i++) {
            if (call.wants(i)) {
                String gradient = i == 0 ? product(e, dy, column, false, true) : product(e, row, dy, true, false);
                long matrix =
                        call.shapes().rank(call.in(i)) == 1 ? 2 : call.shapes().rank(call.in(i));
                int rank = Math.max(
                        2,
                        Math.max(call.shapes().rank(call.in(0)), call.shapes().rank(call.in(1))));
                for (long extra = rank - matrix; extra > 0; extra--) {
                    gradient = e.sum(gradient, 0);
                }
                call.give(i, e.reshapeLike(gradient, call.in(i)));
            }
        }
    }

    private static void matrices(BackwardContext call, String a, String b, String dy) {
        var e = call.emitter();
        var shapeA = call.shapes().of(a);
        var shapeB = call.shapes().of(b);
        if (call.wants(0)) {
            give(call, 0, product(e, dy, b, false, true), shapeB, shapeA);
        }
        if (!call.wants(1)) {
            return;
        }
        if (shapeB.length == 2 && shapeA.length > 2) {
            call.give(
                    1,
                    shapeA[shapeA.length - 1] <= shapeB[1]
                            ? e.op("MatMul", columns(e, a, shapeA.length), rows(e, dy))
                            : e.transpose(e.op("MatMul", columns(e, dy, shapeA.length), rows(e, a)), 1, 0));
        } else {
            give(call, 1, transposedProduct(e, a, dy), shapeA, shapeB);
        }
    }

    /** All rows of a batch of matrices under each other: one product instead of a batch of products to be summed. */
    private static String rows(Emitter e, String batch) {
        return e.op("Flatten", Map.of("axis", -1), batch);
    }

    /**
     * The transpose of {@link #rows}. For this shape of product, deep and narrow, one pass to transpose the narrower operand
     * costs less than a product that transposes it piece by piece, again for every block of columns.
     */
    private static String columns(Emitter e, String batch, int rank) {
        var permutation = LongStream.range(0, rank)
                .map(axis -> axis == 0 ? rank - 1 : axis - 1)
                .toArray();
        return e.op("Flatten", Map.of("axis", 1), e.transpose(batch, permutation));
    }

    /** A' dY, or (dY' A)' where dY is the narrower: a product pays for the transpose of its first operand. */
    private static String transposedProduct(Emitter e, String a, String dy) {
        var shapeA = e.shapes().of(a);
        var shapeY = e.shapes().of(dy);
        return shapeA[shapeA.length - 1] > shapeY[shapeY.length - 1] && shapeY[shapeY.length - 1] > 0
                ? transposed(e, e.shaped(product(e, dy, a, true, false), shapeA))
                : product(e, a, dy, true, false);
    }

    /** Sums the axes of the batch along which this operand was broadcast. */
    private static void give(BackwardContext call, int i, String gradient, long[] other, long[] own) {
        var shape = new long[Math.max(other.length, own.length)];
        var out = call.shapes().of(call.out());
        for (int axis = 0; axis < shape.length; axis++) {
            boolean matrix = axis >= shape.length - 2;
            shape[axis] = matrix ? own[own.length - (shape.length - axis)] : out[axis];
        }
        call.give(i, call.emitter().sumTo(gradient, call.emitter().shaped(gradient, shape), call.in(i)));
    }

    /** A product of matrices over the last two axes, either of them transposed. */
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

    /** Y = alpha op(A) op(B) + beta C, op being the identity or the transpose. */
    static void gemm(BackwardContext call) {
        var e = call.emitter();
        var node = call.node();
        long transA = node.intOf("transA", 0);
        long transB = node.intOf("transB", 0);
        float alpha = node.floatOf("alpha", 1);
        if (call.wants(0)) {
            call.give(
                    0,
                    transA == 0
                            ? gemm(e, alpha, call.dy(), 0, call.in(1), 1 - transB)
                            : gemm(e, alpha, call.in(1), transB, call.dy(), 1));
        }
        if (call.wants(1)) {
            call.give(
                    1,
                    transB == 0
                            ? gemm(e, alpha, call.in(0), 1 - transA, call.dy(), 0)
                            : gemm(e, alpha, call.dy(), 1, call.in(0), transA));
        }
        if (call.wants(2)) {
            String sum = e.sumTo(call.dy(), call.out(), call.in(2));
            float beta = node.floatOf("beta", 1);
            call.give(2, beta == 1 ? sum : e.times(sum, beta));
        }
    }

    private static String gemm(Emitter e, float alpha, String a, long transA, String b, long transB) {
        return e.op("Gemm", Map.of("alpha", alpha, "transA", transA, "transB", transB), a, b);
    }
}
