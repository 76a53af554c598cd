package dev.quantline.gradient.rules;

import dev.quantline.gradient.emit.Emitter;
import java.util.Map;

/** Elementwise functions of one variable, each with its closed-form derivative. */
final class Functions {
    static final Rule NEG = unary((e, x, y, dy) -> e.op("Neg", dy));
    static final Rule ABS = unary((e, x, y, dy) -> e.mul(dy, e.op("Sign", x)));
    static final Rule SQRT = unary((e, x, y, dy) -> e.div(e.times(dy, 0.5), y));
    static final Rule RECIPROCAL = unary((e, x, y, dy) -> e.op("Neg", e.mul(dy, e.mul(y, y))));
    static final Rule EXP = unary((e, x, y, dy) -> e.mul(dy, y));
    static final Rule LOG = unary((e, x, y, dy) -> e.div(dy, x));
    /** d erf(x) = 2/sqrt(pi) exp(-x^2). */
    static final Rule ERF =
            unary((e, x, y, dy) -> e.mul(dy, e.times(e.op("Exp", e.op("Neg", e.mul(x, x))), 2 / Math.sqrt(Math.PI))));

    static final Rule SIN = unary((e, x, y, dy) -> e.mul(dy, e.op("Cos", x)));
    static final Rule COS = unary((e, x, y, dy) -> e.op("Neg", e.mul(dy, e.op("Sin", x))));
    static final Rule TAN = unary((e, x, y, dy) -> e.mul(dy, e.plus(e.mul(y, y), 1)));
    static final Rule ATAN = unary((e, x, y, dy) -> e.div(dy, e.plus(e.mul(x, x), 1)));
    static final Rule TANH = unary((e, x, y, dy) -> e.mul(dy, e.sub(e.scalar(y, 1), e.mul(y, y))));
    static final Rule SIGMOID = unary((e, x, y, dy) -> e.mul(dy, e.mul(y, e.sub(e.scalar(y, 1), y))));
    static final Rule SOFTPLUS = unary((e, x, y, dy) -> e.mul(dy, e.op("Sigmoid", x)));
    static final Rule RELU = unary((e, x, y, dy) -> e.when(e.greater(y, e.scalar(y, 0)), dy));
    /** x max(0, min(1, x/6 + 1/2)): 0 below -3, 1 above 3, x/3 + 1/2 between. */
    static final Rule HARD_SWISH = unary((e, x, y, dy) -> {
        String inner = e.plus(e.times(x, 1.0 / 3), 0.5);
        String upper = e.where(e.greater(x, e.scalar(x, 3)), e.scalar(x, 1), inner);
        return e.mul(dy, e.where(e.op("Less", x, e.scalar(x, -3)), e.scalar(x, 0), upper));
    });

    private Functions() {}

    /** The gradient of the operand, from the operand, the result and the gradient of the result. */
    private interface Derivative {
        String of(Emitter e, String x, String y, String dy);
    }

    private static Rule unary(Derivative derivative) {
        return context -> context.give(0, derivative.of(context.emitter(), context.in(0), context.out(), context.dy()));
    }

    static void leakyRelu(BackwardContext context) {
        var e = context.emitter();
        String positive = e.greater(context.in(0), e.scalar(context.in(0), 0));
        context.give(
                0,
                e.where(
                        positive,
                        context.dy(),
                        e.times(context.dy(), context.node().floatOf("alpha", 0.01f))));
    }

    static void thresholdedRelu(BackwardContext context) {
        var e = context.emitter();
        context.give(
                0,
                e.when(
                        e.greater(
                                context.in(0),
                                e.scalar(context.in(0), context.node().floatOf("alpha", 1))),
                        context.dy()));
    }

    static void parametricRelu(BackwardContext context) {
        var e = context.emitter();
        String negative = e.op("Less", context.in(0), e.scalar(context.in(0), 0));
        context.give(0, e.where(negative, e.mul(context.dy(), context.in(1)), context.dy()));
        context.giveSummed(1, e.when(negative, e.mul(context.dy(), context.in(0))));
    }

    /** y = alpha (exp(x) - 1) below 0, whose derivative is y + alpha. */
    static void elu(BackwardContext context) {
        var e = context.emitter();
        String positive = e.greater(context.in(0), e.scalar(context.in(0), 0));
        String slope = e.plus(context.out(), context.node().floatOf("alpha", 1));
        context.give(0, e.where(positive, context.dy(), e.mul(context.dy(), slope)));
    }

    static void hardSigmoid(BackwardContext context) {
        var e = context.emitter();
        String inside = e.op(
                "And",
                e.greater(context.out(), e.scalar(context.out(), 0)),
                e.op("Less", context.out(), e.scalar(context.out(), 1)));
        context.give(0, e.when(inside, e.times(context.dy(), context.node().floatOf("alpha", 0.2f))));
    }

    static void gelu(BackwardContext context) {
        var e = context.emitter();
        boolean tanh = context.node().stringOf("approximate", "none").equals("tanh");
        context.give(0, e.mul(context.dy(), tanh ? tanhGeluSlope(e, context.in(0)) : geluSlope(context)));
    }

    /**
     * y = x P with P = Phi(x) = (1 + erf(u))/2, u = x/sqrt(2), where HardSigmoid turns erf(u) into P in one pass; the backward
     * pass reuses u and P, because the error function is the expensive part. d/dx x Phi(x) = P + x phi(x) = P + u exp(-u^2 -
     * ln(pi)/2).
     */
    private static String geluSlope(BackwardContext context) {
        var e = context.emitter();
        String x = context.in(0);
        String u = e.times(x, Math.sqrt(0.5));
        String p = e.op("HardSigmoid", Map.of("alpha", 0.5f, "beta", 0.5f), e.op("Erf", u));
        e.instead(context.node(), e.mul(x, p));
        String bell = e.op("Exp", e.sub(e.scalar(u, -Math.log(Math.PI) / 2), e.mul(u, u)));
        return e.add(p, e.mul(u, bell));
    }

    /** With v = k (x + c x^3) and t = tanh(v): (1 + t)/2 + x (1 - t^2) k (1 + 3 c x^2) / 2, k = sqrt(2/pi), c = 0.044715. */
    private static String tanhGeluSlope(Emitter e, String x) {
        double k = Math.sqrt(2 / Math.PI);
        double c = 0.044715;
        String square = e.mul(x, x);
        String t = e.op("Tanh", e.mul(x, e.plus(e.times(square, k * c), k)));
        String inner = e.mul(x, e.plus(e.times(square, 3 * c * k), k));
        String bell = e.mul(e.sub(e.scalar(x, 1), e.mul(t, t)), inner);
        return e.times(e.plus(e.add(t, bell), 1), 0.5);
    }
}
