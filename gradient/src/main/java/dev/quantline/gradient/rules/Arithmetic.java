package dev.quantline.gradient.rules;

import java.util.Map;

/** Elementwise operators with several operands and NumPy broadcasting. */
final class Arithmetic {
    private Arithmetic() {}

    static void add(BackwardContext context) {
        for (int i = 0; i < context.node().inputs().size(); i++) {
            context.giveSummed(i, context.dy());
        }
    }

    static void mean(BackwardContext context) {
        int operands = context.node().inputs().size();
        String share = context.emitter().times(context.dy(), 1.0 / operands);
        for (int i = 0; i < operands; i++) {
            context.giveSummed(i, share);
        }
    }

    static void subtract(BackwardContext context) {
        context.giveSummed(0, context.dy());
        if (context.wants(1)) {
            // Summing before negating leaves fewer numbers to negate.
            context.give(
                    1,
                    context.emitter().op("Neg", context.emitter().sumTo(context.dy(), context.out(), context.in(1))));
        }
    }

    static void multiply(BackwardContext context) {
        var e = context.emitter();
        context.giveSummed(0, e.mul(context.dy(), context.in(1)));
        context.giveSummed(1, e.mul(context.dy(), context.in(0)));
    }

    /** y = a / b: da = dy / b, db = -y da. */
    static void divide(BackwardContext context) {
        var e = context.emitter();
        String quotient = e.div(context.dy(), context.in(1));
        context.giveSummed(0, quotient);
        if (context.wants(1)) {
            context.give(1, e.op("Neg", e.sumTo(e.mul(quotient, context.out()), context.out(), context.in(1))));
        }
    }

    /** y = a^p: da = p a^(p-1) dy, dp = y ln(a) dy where a &gt; 0. */
    static void power(BackwardContext context) {
        var e = context.emitter();
        String base = context.in(0);
        var exponent = context.constant(1).filter(tensor -> tensor.size() == 1);
        if (exponent.isPresent() && exponent.get().get(0) == 2) {
            context.giveSummed(0, e.mul(context.dy(), e.times(base, 2)));
            return;
        }
        String p = e.cast(context.in(1), e.type(base));
        String lowered = e.op("Pow", base, e.plus(p, -1));
        context.giveSummed(0, e.mul(context.dy(), e.mul(lowered, p)));
        if (context.wants(1)) {
            String positive = e.greater(base, e.scalar(base, 0));
            String logarithm = e.op("Log", e.where(positive, base, e.scalar(base, 1)));
            context.giveSummed(1, e.cast(e.mul(context.dy(), e.mul(context.out(), logarithm)), e.type(context.in(1))));
        }
    }

    /** Max and Min of any number of operands. The first operand that attains the extreme takes the gradient. */
    static void extreme(BackwardContext context) {
        var e = context.emitter();
        String free = null;
        for (int i = 0; i < context.node().inputs().size(); i++) {
            // Codes are compared as real numbers, because Equal does not support 8-bit integers.
            String attains = e.op(
                    "Equal", e.cast(context.in(i), e.type(context.dy())), e.cast(context.out(), e.type(context.dy())));
            String takes = free == null ? attains : e.op("And", attains, free);
            context.giveSummed(i, e.when(takes, context.dy()));
            String misses = e.op("Not", attains);
            free = free == null ? misses : e.op("And", free, misses);
        }
    }

    static void where(BackwardContext context) {
        var e = context.emitter();
        String zero = e.scalar(context.dy(), 0);
        context.giveSummed(1, e.where(context.in(0), context.dy(), zero));
        context.giveSummed(2, e.where(context.in(0), zero, context.dy()));
    }

    /** Passes the gradient within the bounds, inclusive; a trained bound receives the gradient that it cuts off. */
    static void clip(BackwardContext context) {
        var e = context.emitter();
        String x = context.in(0);
        if (context.wants(1)) {
            context.give(
                    1,
                    e.reshapeLike(
                            e.dot(context.dy(), e.mask(e.op("Less", x, context.in(1)), context.dy())), context.in(1)));
        }
        if (context.wants(2)) {
            context.give(
                    2,
                    e.reshapeLike(
                            e.dot(context.dy(), e.mask(e.greater(x, context.in(2)), context.dy())), context.in(2)));
        }
        context.give(0, e.when(e.op("Equal", x, context.out()), context.dy()));
    }

    static void cumulativeSum(BackwardContext context) {
        var node = context.node();
        context.give(
                0,
                context.emitter()
                        .op(
                                "CumSum",
                                Map.of(
                                        "exclusive",
                                        node.intOf("exclusive", 0),
                                        "reverse",
                                        1 - node.intOf("reverse", 0)),
                                context.dy(),
                                context.in(1)));
    }
}
