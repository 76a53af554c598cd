package dev.quantline.gradient.rules;

import java.util.Map;

/** Reductions over axes given as the second input: some, none (meaning all, or nothing to do), kept or removed. */
final class Reductions {
    private Reductions() {}

    static void sum(BackwardContext context) {
        context.give(
                0,
                isNoop(context)
                        ? context.dy()
                        : context.emitter().expandLike(kept(context, context.dy()), context.in(0)));
    }

    static void mean(BackwardContext context) {
        context.give(
                0,
                isNoop(context)
                        ? context.dy()
                        : context.emitter().expandLike(kept(context, perElement(context)), context.in(0)));
    }

    /** dy divided by the number of elements in each result. */
    private static String perElement(BackwardContext context) {
        var e = context.emitter();
        long all = context.shapes().count(context.in(0));
        long results = context.shapes().count(context.out());
        if (all >= 0 && results > 0) {
            return e.times(context.dy(), (double) results / all);
        }
        var type = e.type(context.dy());
        String share = e.div(e.cast(e.op("Size", context.out()), type), e.cast(e.op("Size", context.in(0)), type));
        return e.mul(context.dy(), share);
    }

    /** ReduceMax and ReduceMin: elements that attain the result share the gradient. */
    static void extreme(BackwardContext context) {
        var e = context.emitter();
        if (isNoop(context)) {
            context.give(0, context.dy());
            return;
        }
        var type = e.type(context.in(0));
        String attains = e.cast(e.op("Equal", context.in(0), kept(context, context.out())), type);
        String count = context.node().hasInput(1)
                ? e.sumKept(attains, context.in(1))
                : e.op("ReduceSum", Map.of("keepdims", 1), attains);
        context.give(0, e.mul(attains, e.div(kept(context, context.dy()), count)));
    }

    static void l1(BackwardContext context) {
        var e = context.emitter();
        context.give(0, e.mul(e.op("Sign", context.in(0)), kept(context, context.dy())));
    }

    /** x dy / y; 0 where the norm is 0. */
    static void l2(BackwardContext context) {
        var e = context.emitter();
        String positive = e.greater(context.out(), e.scalar(context.out(), 0));
        String norm = e.where(positive, context.out(), e.scalar(context.out(), 1));
        context.give(0, e.mul(context.in(0), kept(context, e.div(context.dy(), norm))));
    }

    static void sumSquare(BackwardContext context) {
        var e = context.emitter();
        context.give(0, e.mul(context.in(0), kept(context, e.times(context.dy(), 2))));
    }

    static void logSumExp(BackwardContext context) {
        var e = context.emitter();
        context.give(
                0, e.mul(e.op("Exp", e.sub(context.in(0), kept(context, context.out()))), kept(context, context.dy())));
    }

    private static boolean isNoop(BackwardContext context) {
        boolean empty = context.constant(1)
                .map(axes -> axes.size() == 0)
                .orElse(!context.node().hasInput(1));
        return empty && context.node().intOf("noop_with_empty_axes", 0) == 1;
    }

    /** A tensor of the result's shape with the reduced axes restored with size 1. */
    private static String kept(BackwardContext context, String reduced) {
        boolean dropped = context.node().intOf("keepdims", 1) == 0 && !isNoop(context);
        boolean all = context.constant(1)
                .map(axes -> axes.size() == 0)
                .orElse(!context.node().hasInput(1));
        return dropped && !all ? context.emitter().op("Unsqueeze", reduced, context.in(1)) : reduced;
    }
}
