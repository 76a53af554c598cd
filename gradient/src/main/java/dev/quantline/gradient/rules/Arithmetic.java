package dev.quantline.gradient.rules;

import java.util.Map;

/** Elementwise operators of several operands, with NumPy broadcasting. */
final class Arithmetic {
    private Arithmetic() {}

    static void add(BackwardContext call) {
        for (int i = 0; i < call.node().inputs().size(); i++) {
            call.giveSummed(i, call.dy());
        }
    }

    static void mean(BackwardContext call) {
        int operands = call.node().inputs().size();
        String share = call.emitter().times(call.dy(), 1.0 / operands);
        for (int i = 0; i < operands; i++) {
            call.giveSummed(i, share);
        }
    }

    static void subtract(BackwardContext call) {
        call.giveSummed(0, call.dy());
        if (call.wants(1)) {
            // Summing first negates fewer numbers.
            call.give(1, call.emitter().op("Neg", call.emitter().sumTo(call.dy(), call.out(), call.in(1))));
        }
    }

    static void multiply(BackwardContext call) {
        var e = call.emitter();
        call.giveSummed(0, e.mul(call.dy(), call.in(1)));
        call.giveSummed(1, e.mul(call.dy(), call.in(0)));
    }

    /** y = a / b: da = dy / b, db = -y da. */
    static void divide(BackwardContext call) {
        var e = call.emitter();
        String quotient = e.div(call.dy(), call.in(1));
        call.giveSummed(0, quotient);
        if (call.wants(1)) {
            call.give(1, e.op("Neg", e.sumTo(e.mul(quotient, call.out()), call.out(), call.in(1))));
        }
    }

    /** y = a^p: da = p a^(p-1) dy, dp = y ln(a) dy where a &gt; 0. */
    static void power(BackwardContext call) {
        var e = call.emitter();
        String base = call.in(0);
        var exponent = call.constant(1).filter(tensor -> tensor.size() == 1);
        if (exponent.isPresent() && exponent.get().get(0) == 2) {
            call.giveSummed(0, e.mul(call.dy(), e.times(base, 2)));
            return;
        }
        String p = e.cast(call.in(1), e.type(base));
        String lowered = e.op("Pow", base, e.plus(p, -1));
        call.giveSummed(0, e.mul(call.dy(), e.mul(lowered, p)));
        if (call.wants(1)) {
            String positive = e.greater(base, e.scalar(base, 0));
            String logarithm = e.op("Log", e.where(positive, base, e.scalar(base, 1)));
            call.giveSummed(1, e.cast(e.mul(call.dy(), e.mul(call.out(), logarithm)), e.type(call.in(1))));
        }
    }

    /** Max and Min of any number of operands. Where several attain it, the first one takes the gradient. */
    static void extreme(BackwardContext call) {
        var e = call.emitter();
        String free = null;
        for (int i = 0; i < call.node().inputs().size(); i++) {
            // Codes are compared as real numbers: Equal takes no 8-bit integers.
            String attains =
                    e.op("Equal", e.cast(call.in(i), e.type(call.dy())), e.cast(call.out(), e.type(call.dy())));
            String takes = free == null ? attains : e.op("And", attains, free);
            call.giveSummed(i, e.when(takes, call.dy()));
            String misses = e.op("Not", attains);
            free = free == null ? misses : e.op("And", free, misses);
        }
    }

    static void where(BackwardContext call) {
        var e = call.emitter();
        String zero = e.scalar(call.dy(), 0);
        call.giveSummed(1, e.where(call.in(0), call.dy(), zero));
        call.giveSummed(2, e.where(call.in(0), zero, call.dy()));
    }

    /** Passes inside the bounds, which are included; a bound that is trained receives what it cuts off. */
    static void clip(BackwardContext call) {
        var e = call.emitter();
        String x = call.in(0);
        if (call.wants(1)) {
            call.give(1, e.reshapeLike(e.dot(call.dy(), e.mask(e.op("Less", x, call.in(1)), call.dy())), call.in(1)));
        }
        if (call.wants(2)) {
            call.give(2, e.reshapeLike(e.dot(call.dy(), e.mask(e.greater(x, call.in(2)), call.dy())), call.in(2)));
        }
        call.give(0, e.when(e.op("Equal", x, call.out()), call.dy()));
    }

    static void cumulativeSum(BackwardContext call) {
        var node = call.node();
        call.give(
                0,
                call.emitter()
                        .op(
                                "CumSum",
                                Map.of(
                                        "exclusive",
                                        node.intOf("exclusive", 0),
                                        "reverse",
                                        1 - node.intOf("reverse", 0)),
                                call.dy(),
                                call.in(1)));
    }
}
