package dev.quantline.gradient.rules;

import java.util.ArrayList;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** Operators that move, repeat or join values without changing them. */
final class Movement {
    private Movement() {}

    static void identity(BackwardContext context) {
        context.give(0, context.dy());
    }

    static void dropout(BackwardContext context) {
        if (context.constant(2)
                .map(mode -> mode.get(0) != 0)
                .orElse(context.node().hasInput(2))) {
            throw context.refusal("it is in training mode: export the model for inference");
        }
        context.give(0, context.dy());
    }

    /** The gradient of codes stays a real number. */
    static void cast(BackwardContext context) {
        var type = context.emitter().type(context.in(0));
        context.give(0, type.isFloating() ? context.emitter().cast(context.dy(), type) : context.dy());
    }

    /** Reshape, Flatten, Squeeze and Unsqueeze: restores the original sizes. */
    static void reshape(BackwardContext context) {
        context.give(0, context.emitter().reshapeLike(context.dy(), context.in(0)));
    }

    static void transpose(BackwardContext context) {
        int rank = context.shapes().rank(context.in(0));
        var permutation = context.node()
                .intsOf(
                        "perm",
                        LongStream.range(0, rank).map(axis -> rank - 1 - axis).toArray());
        var inverse = new long[rank];
        IntStream.range(0, rank).forEach(axis -> inverse[(int) permutation[axis]] = axis);
        context.give(0, context.emitter().transpose(context.dy(), inverse));
    }

    static void expand(BackwardContext context) {
        context.giveSummed(0, context.dy());
    }

    /** Repetitions become separate axes and are summed. */
    static void tile(BackwardContext context) {
        var e = context.emitter();
        var size = context.shapes().fixed(context.in(0));
        var tiled = context.shapes().fixed(context.out());
        var split = new long[2 * size.length];
        for (int axis = 0; axis < size.length; axis++) {
            split[2 * axis] = size[axis] == 0 ? 0 : tiled[axis] / size[axis];
            split[2 * axis + 1] = size[axis];
        }
        String repeated = e.reshape(context.dy(), split);
        context.give(
                0,
                size.length == 0
                        ? context.dy()
                        : e.sum(
                                repeated,
                                LongStream.range(0, size.length)
                                        .map(axis -> 2 * axis)
                                        .toArray()));
    }

    static void concat(BackwardContext context) {
        var e = context.emitter();
        int axis = context.axis((int) context.node().intOf("axis", 0), context.out());
        int operands = context.node().inputs().size();
        var sizes = new ArrayList<String>();
        boolean fixed = true;
        for (int i = 0; i < operands; i++) {
            sizes.add(e.sizeOf(context.in(i), axis));
            fixed &= context.shapes().of(context.in(i))[axis] >= 0;
        }
        String split = fixed
                ? e.ints(context.node().inputs().stream()
                        .mapToLong(input -> context.shapes().of(input)[axis])
                        .toArray())
                : e.op("Concat", Map.of("axis", 0), sizes.toArray(String[]::new));
        var parts = e.outputs("Split", Map.of("axis", axis), operands, context.dy(), split);
        for (int i = 0; i < operands; i++) {
            context.give(i, parts.get(i));
        }
    }

    static void split(BackwardContext context) {
        var parts = IntStream.range(0, context.node().outputs().size())
                .mapToObj(context::dy)
                .toArray(String[]::new);
        context.give(
                0, context.emitter().op("Concat", Map.of("axis", context.node().intOf("axis", 0)), parts));
    }

    static void depthToSpace(BackwardContext context) {
        var e = context.emitter();
        long block = context.node().intOf("blocksize", 1);
        if (context.node().stringOf("mode", "DCR").equals("DCR")) {
            context.give(0, e.op("SpaceToDepth", Map.of("blocksize", block), context.dy()));
            return;
        }
        var size = context.shapes().fixed(context.in(0));
        String blocks = e.reshape(context.dy(), size[0], size[1] / (block * block), size[2], block, size[3], block);
        context.give(0, e.reshapeLike(e.transpose(blocks, 0, 1, 3, 5, 2, 4), context.in(0)));
    }

    static void spaceToDepth(BackwardContext context) {
        context.give(
                0,
                context.emitter()
                        .op("DepthToSpace", Map.of("blocksize", context.node().intOf("blocksize", 1)), context.dy()));
    }
}
