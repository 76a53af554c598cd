package dev.quantline.gradient.rules;

import java.util.Map;

/** Reductions over axes given as the second input: some, none (meaning all, or nothing to do), kept or dropped. */
final class Reductions {
    private Reductions() {}

    static void sum(BackwardContext call) {
        call.give(0, isNoop(call) ? call.dy() : call.emitter().expandLike(kept(call, call.dy()), call.in(0)));
    }

    static void mean(BackwardContext call) {
        call.give(0, isNoop(call) ? call.dy() : call.emitter().expandLike(kept(call, perElement(call)), call.in(0)));
    }

    /** dy divided by the number of elements each result was made of. */
    private static String perElement(BackwardContext call) {
        var e = call.emitter();
        long all = call.shapes().count(call.in(0));
        long results = call.shapes().count(call.out());
        if (all >= 0 && results > 0) {
            return e.times(call.dy(), (double) results / all);
        }
        var type = e.type(call.dy());
        String share = e.div(e.cast(e.op("Size", call.out()), type), e.cast(e.op("Size", call.in(0)), type));
        return e.mul(call.dy(), share);
    }

    /** ReduceMax and ReduceMin: where several elements attain the result, they share the gradient. */
    static void extreme(BackwardContext call) {
        var e = call.emitter();
        if (isNoop(call)) {
            call.give(0, call.dy());
            return;
        }
        var type = e.type(call.in(0));
        String attains = e.cast(e.op("Equal", call.in(0), kept(call, call.out())), type);
        String count = call.node().hasInput(1)
                ? e.sumKept(attains, call.in(1))
                : e.op("ReduceSum", Map.of("keepdims", 1), attains);
        call.give(0, e.mul(attains, e.div(kept(call, call.dy()), count)));
    }

    static void l1(BackwardContext call) {
        var e = call.emitter();
        call.give(0, e.mul(e.op("Sign", call.in(0)), kept(call, call.dy())));
    }

    /** x dy / y; 0 where the norm is 0. */
    static void l2(BackwardContext call) {
        var e = call.emitter();
        String positive = e.greater(call.out(), e.scalar(call.out(), 0));
        String norm = e.where(positive, call.out(), e.scalar(call.out(), 1));
        call.give(0, e.mul(call.in(0), kept(call, e.div(call.dy(), norm))));
    }

    static void sumSquare(BackwardContext call) {
        var e = call.emitter();
        call.give(0, e.mul(call.in(0), kept(call, e.times(call.dy(), 2))));
    }

    static void logSumExp(BackwardContext call) {
        var e = call.emitter();
        call.give(0, e.mul(e.op("Exp", e.sub(call.in(0), kept(call, call.out()))), kept(call, call.dy())));
    }

    private static boolean isNoop(BackwardContext call) {
        boolean empty = call.constant(1)
                .map(axes -> axes.size() == 0)
                .orElse(!call.node().hasInput(1));
        return empty && call.node().intOf("noop_with_empty_axes", 0) == 1;
    }

    /** A tensor of the result's shape with the reduced axes put back at size 1. */
    private static String kept(BackwardContext call, String reduced) {
        boolean dropped = call.node().intOf("keepdims", 1) == 0 && !isNoop(call);
        boolean all = call.constant(1)
                .map(axes -> axes.size() == 0)
                .orElse(!call.node().hasInput(1));
        return dropped && !all ? call.emitter().op("Unsqueeze", reduced, call.in(1)) : reduced;
    }
}
