package dev.quantline.gradient.rules;

import java.util.ArrayList;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** Operators that move, repeat or join values without changing them. */
final class Movement {
    private Movement() {}

    static void identity(BackwardContext call) {
        call.give(0, call.dy());
    }

    static void dropout(BackwardContext call) {
        if (call.constant(2).map(mode -> mode.get(0) != 0).orElse(call.node().hasInput(2))) {
            throw call.refusal("it is in training mode: export the model for inference");
        }
        call.give(0, call.dy());
    }

    /** The gradient of codes stays a real number. */
    static void cast(BackwardContext call) {
        var type = call.emitter().type(call.in(0));
        call.give(0, type.isFloating() ? call.emitter().cast(call.dy(), type) : call.dy());
    }

    /** Reshape, Flatten, Squeeze and Unsqueeze: back to the sizes there were. */
    static void reshape(BackwardContext call) {
        call.give(0, call.emitter().reshapeLike(call.dy(), call.in(0)));
    }

    static void transpose(BackwardContext call) {
        int rank = call.shapes().rank(call.in(0));
        var permutation = call.node()
                .intsOf(
                        "perm",
                        LongStream.range(0, rank).map(axis -> rank - 1 - axis).toArray());
        var inverse = new long[rank];
        IntStream.range(0, rank).forEach(axis -> inverse[(int) permutation[axis]] = axis);
        call.give(0, call.emitter().transpose(call.dy(), inverse));
    }

    static void expand(BackwardContext call) {
        call.giveSummed(0, call.dy());
    }

    /** Repetitions become axes of their own and are summed. */
    static void tile(BackwardContext call) {
        var e = call.emitter();
        var size = call.shapes().fixed(call.in(0));
        var tiled = call.shapes().fixed(call.out());
        var split = new long[2 * size.length];
        for (int axis = 0; axis < size.length; axis++) {
            split[2 * axis] = size[axis] == 0 ? 0 : tiled[axis] / size[axis];
            split[2 * axis + 1] = size[axis];
        }
        String repeated = e.reshape(call.dy(), split);
        call.give(
                0,
                size.length == 0
                        ? call.dy()
                        : e.sum(
                                repeated,
                                LongStream.range(0, size.length)
                                        .map(axis -> 2 * axis)
                                        .toArray()));
    }

    static void concat(BackwardContext call) {
        var e = call.emitter();
        int axis = call.axis((int) call.node().intOf("axis", 0), call.out());
        int operands = call.node().inputs().size();
        var sizes = new ArrayList<String>();
        boolean fixed = true;
        for (int i = 0; i < operands; i++) {
            sizes.add(e.sizeOf(call.in(i), axis));
            fixed &= call.shapes().of(call.in(i))[axis] >= 0;
        }
        String split = fixed
                ? e.ints(call.node().inputs().stream()
                        .mapToLong(input -> call.shapes().of(input)[axis])
                        .toArray())
                : e.op("Concat", Map.of("axis", 0), sizes.toArray(String[]::new));
        var parts = e.outputs("Split", Map.of("axis", axis), operands, call.dy(), split);
        for (int i = 0; i < operands; i++) {
            call.give(i, parts.get(i));
        }
    }

    static void split(BackwardContext call) {
        var parts = IntStream.range(0, call.node().outputs().size())
                .mapToObj(call::dy)
                .toArray(String[]::new);
        call.give(0, call.emitter().op("Concat", Map.of("axis", call.node().intOf("axis", 0)), parts));
    }

    static void depthToSpace(BackwardContext call) {
        var e = call.emitter();
        long block = call.node().intOf("blocksize", 1);
        if (call.node().stringOf("mode", "DCR").equals("DCR")) {
            call.give(0, e.op("SpaceToDepth", Map.of("blocksize", block), call.dy()));
            return;
        }
        var size = call.shapes().fixed(call.in(0));
        String blocks = e.reshape(call.dy(), size[0], size[1] / (block * block), size[2], block, size[3], block);
        call.give(0, e.reshapeLike(e.transpose(blocks, 0, 1, 3, 5, 2, 4), call.in(0)));
    }

    static void spaceToDepth(BackwardContext call) {
        call.give(
                0,
                call.emitter()
                        .op("DepthToSpace", Map.of("blocksize", call.node().intOf("blocksize", 1)), call.dy()));
    }
}
